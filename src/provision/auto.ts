/** `--storage-device=auto`: the look at all disks of the machine. Changes nothing; auto-plan.ts decides. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDmError } from '../lib/errors.ts';
import { readIfThere } from '../system/files.ts';
import { run } from '../system/run.ts';
import type { Pools } from '../zfs/index.ts';
import { notAlone } from './auto-errors.ts';
import type { Sight } from './auto-plan.ts';
import { type DiskFacts, skipReason, spareReason } from './auto-skip.ts';
import { blockFacts } from './block.ts';
import { parseWipefs } from './device-content.ts';
import { deviceUnreadable } from './device-errors.ts';
import { identityOf } from './devices.ts';
import { type DeviceState, surveyDevice } from './survey.ts';

const SECTOR = 512;
const WIPEFS_MS = 9_000;

/** All block devices of the machine that are no partitions, in the order of their names. */
export async function listDevices(sys = '/sys'): Promise<DiskFacts[]> {
  const names = await readdir(join(sys, 'block'));
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return Promise.all(names.map(name => factsOf(name, sys)));
}

async function factsOf(entry: string, sys: string): Promise<DiskFacts> {
  const text = async (file: string) =>
    ((await readIfThere(join(sys, 'block', entry, file)).catch(() => undefined)) ?? '').trim();
  const [dev, size, removable, model] = await Promise.all(
    ['dev', 'size', 'removable', 'device/model'].map(text),
  );
  const name = entry.replaceAll('!', '/');
  const path = `/dev/${name}`;
  const number = dev === '' ? undefined : dev;
  return {
    name,
    path,
    number,
    hasNode: number !== undefined && (await identityOf(path)) === `block:${number}`,
    sizeBytes: Number(size) * SECTOR,
    removable: removable === '1',
    model: model ?? '',
  };
}

/** A text that changes when a disk comes, goes, grows, or gets its node. */
export async function fingerprint(): Promise<string> {
  const devices = await listDevices();
  return devices.map(({ name, number, sizeBytes, hasNode }) => [name, number, sizeBytes, hasNode]).join(' ');
}

/** @throws DmError of kind zfs: then nothing is known of any disk */
export async function lookAtDisks(
  pools: Pools,
  members: ReadonlyMap<string, string>,
  loopsAreDisks: boolean,
): Promise<Sight[]> {
  const sights: Sight[] = [];
  for (const disk of await listDevices()) {
    const skip = skipReason(disk, loopsAreDisks);
    // The kernel has hundreds of these for nothing.
    if (skip !== undefined && disk.sizeBytes === 0) continue;
    sights.push(skip === undefined ? await lookAt(disk, pools, members) : { disk, skip });
  }
  return sights;
}

async function lookAt(disk: DiskFacts, pools: Pools, members: ReadonlyMap<string, string>): Promise<Sight> {
  const { path, number = '' } = disk;
  const facts = disk.hasNode ? await blockFacts(number) : undefined;
  if (!facts) return { disk, unreadable: 'it has no node in /dev', late: true };
  try {
    const device = { named: path, path, kind: 'block' as const, identity: `block:${number}`, facts };
    return { disk, state: await surveyDevice(device, pools, members), spare: spareReason(disk) };
  } catch (error) {
    if (!isDmError(error) || error.kind !== 'device') throw error;
    const { cause, message } = error;
    return { disk, unreadable: cause instanceof Error ? cause.message : message, late: false };
  }
}

/**
 * Before a blank disk gets a pool: no pool of that name may be where `auto` does not look for one, in a partition
 * among others, on a removable or a mapped disk. It was made by naming that device, which has to go on.
 *
 * @throws DmError device/AUTO_AMBIGUOUS; device/DEVICE_UNREADABLE when a device can not be asked
 */
export async function refusePoolElsewhere(
  poolName: string,
  blank: DeviceState,
  sights: readonly Sight[],
): Promise<void> {
  const found: string[] = [];
  for (const path of await otherDevices(blank, sights)) {
    if (await hasPool(path, poolName)) found.push(`${path}: it carries the ZFS pool "${poolName}"`);
  }
  const disk = { path: blank.named, sizeBytes: blank.sizeBytes };
  if (found.length > 0) throw notAlone([disk], found);
}

/** Partitions of all disks, and what was skipped but is no drive for media and no memory. */
async function otherDevices(blank: DeviceState, sights: readonly Sight[]): Promise<string[]> {
  const paths: string[] = [];
  for (const sight of sights) {
    if (sight.disk.path === blank.named) continue;
    if ('skip' in sight && !/^(removable|made of other disks)$/.test(sight.skip)) continue;
    // Of one in use it is not known what it carries.
    if (!('state' in sight) || sight.state.users.length > 0) paths.push(sight.disk.path);
    const identity = await identityOf(sight.disk.path);
    const facts = identity === undefined ? undefined : await blockFacts(identity.slice('block:'.length));
    paths.push(...(facts?.partitions ?? []).map(part => `/dev/${part.name}`));
  }
  return paths;
}

async function hasPool(path: string, poolName: string): Promise<boolean> {
  // Another user's device may go at any moment.
  if ((await identityOf(path)) === undefined) return false;
  const argv = ['wipefs', '--json', '--no-act', '--output', 'TYPE,LABEL,USAGE', path] as const;
  const { stdout } = await run(argv, { timeoutMs: WIPEFS_MS }).catch((error: unknown) => {
    throw deviceUnreadable(path, error);
  });
  return parseWipefs(stdout).some(({ type, label }) => type === 'zfs_member' && label === poolName);
}

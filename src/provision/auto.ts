/** `--storage-device=auto`: the look at all disks of the machine. Changes nothing; auto-plan.ts decides. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDmError } from '../lib/errors.ts';
import { readIfThere } from '../system/files.ts';
import type { Pools } from '../zfs/index.ts';
import type { Sight } from './auto-plan.ts';
import { type DiskFacts, skipReason, spareReason } from './auto-skip.ts';
import { blockFacts } from './block.ts';
import { identityOf } from './devices.ts';
import { surveyDevice } from './survey.ts';

const SECTOR = 512;

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

/**
 * Before a pool is made: is there one of that name on another device? Names of disks move between boots, and a
 * second, empty pool would hide what the first one holds. Looks, changes nothing.
 */

import { DmError, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Label, Pools } from '../zfs/index.ts';
import { listDevices } from './auto.ts';
import { notAlone } from './auto-errors.ts';
import type { Sight } from './auto-plan.ts';
import { mayHoldPool, mayHoldThough } from './auto-skip.ts';
import { deviceUnreadable } from './device-errors.ts';
import { blockFactsAt, identityOf } from './devices.ts';
import { newestTxg, readEdges } from './edges.ts';
import { EXPORTED } from './pool-state.ts';
import type { DeviceState } from './survey.ts';

/** SPA_MINDEVSIZE of OpenZFS: nothing smaller is a part of a pool. */
const SMALLEST_BYTES = 64 * 2 ** 20;

/**
 * Before the devices that a user named get a new pool. One that can not be read stands against `auto`, not against
 * the user's word.
 *
 * @throws DmError pool/POOL_ELSEWHERE
 */
export async function refusePoolOnOthers(
  poolName: string,
  named: readonly DeviceState[],
  pools: Pools,
  log: Log,
): Promise<void> {
  // Names of files do not move.
  if (named.every(({ number }) => number === undefined)) return;
  const own = new Set<string | undefined>();
  for (const { path, number } of named) {
    own.add(await identityOf(path));
    if (number !== undefined) own.add(`block:${number}`);
  }
  const found: string[] = [];
  for (const path of await allDevices()) {
    if (own.has(await identityOf(path))) continue;
    try {
      if (await hasPool(path, poolName, pools)) found.push(path);
    } catch (error) {
      if (!isDmError(error, 'DEVICE_UNREADABLE')) throw error;
      log.warn(`Whether the pool ${poolName} is there is not known: ${error.message}`);
    }
  }
  if (found.length > 0) throw elsewhere(poolName, named, found);
}

/**
 * Before `auto` gives the blank disk a pool: none may be where it does not look for one, in a partition among others,
 * on a removable or a mapped disk. It was made by naming that device, which has to go on.
 *
 * @throws DmError device/AUTO_AMBIGUOUS; device/DEVICE_UNREADABLE when a device can not be asked
 */
export async function refusePoolUnseen(
  poolName: string,
  blank: DeviceState,
  sights: readonly Sight[],
  pools: Pools,
): Promise<void> {
  const found: string[] = [];
  for (const path of await unseenDevices(blank, sights)) {
    if (await hasPool(path, poolName, pools)) found.push(`${path}: it carries the ZFS pool "${poolName}"`);
  }
  const disk = { path: blank.named, sizeBytes: blank.sizeBytes };
  if (found.length > 0) throw notAlone([disk], found);
}

/** Every block device that could hold a pool, each disk before its partitions. */
async function allDevices(): Promise<string[]> {
  const paths: string[] = [];
  for (const disk of await listDevices())
    if (disk.hasNode && mayHoldPool(disk)) paths.push(disk.path, ...(await partitionsOf(disk.path)));
  return paths;
}

/** Partitions of all disks, and what was skipped but is no drive for media and no memory. */
async function unseenDevices(blank: DeviceState, sights: readonly Sight[]): Promise<string[]> {
  const paths: string[] = [];
  for (const sight of sights) {
    if (sight.disk.path === blank.named) continue;
    if ('skip' in sight && !mayHoldThough(sight.skip)) continue;
    // Of one in use it is not known what it carries.
    if (!('state' in sight) || sight.state.users.length > 0) paths.push(sight.disk.path);
    paths.push(...(await partitionsOf(sight.disk.path)));
  }
  return paths;
}

async function partitionsOf(disk: string): Promise<string[]> {
  return ((await blockFactsAt(disk))?.partitions ?? []).map(part => `/dev/${part.name}`);
}

/** By the record of transaction groups and the labels: libblkid wants both ends of a device to be in place. */
async function hasPool(path: string, poolName: string, pools: Pools): Promise<boolean> {
  const facts = await blockFactsAt(path);
  // Another user's device may go at any moment.
  if (!facts || facts.sizeBytes < SMALLEST_BYTES) return false;
  let labels: Label[];
  try {
    const edges = await readEdges(path, facts.sizeBytes);
    labels = newestTxg(edges) > 0n ? await pools.labels(path) : [];
  } catch (error) {
    // Where zdb hangs it is the device: ZFS itself has just listed its pools.
    if (isDmError(error) && error.kind === 'zfs' && error.code !== 'ZFS_HUNG') throw error;
    throw deviceUnreadable(path, error);
  }
  return labels.some(label => label.poolName === poolName && label.state <= EXPORTED && label.txg !== '0');
}

function elsewhere(poolName: string, named: readonly DeviceState[], found: readonly string[]): DmError {
  const given = named.map(device => device.named).join(', ');
  const there = found.join(', ');
  return new DmError(
    'pool',
    'POOL_ELSEWHERE',
    `${given} would get a new pool ${poolName}, but a pool of that name is on ${there}.`,
    {
      hint:
        `Names of disks change between boots: name ${there}, a link below /dev/disk/by-id, or --storage-device=auto. ` +
        'A second pool needs a --pool-name of its own, --force or not.',
      data: { devices: [...found] },
    },
  );
}

/**
 * A disk that has grown: our partition of it is enlarged, the kernel is told, and the pool takes the room. A partition
 * table that was cut off meanwhile is written again. Only with a pool that is imported here, so that nobody else has
 * the disk, and only on devices that this pool has open. A failure is told and costs nothing but the room.
 */

import { stat } from 'node:fs/promises';
import { isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { until } from '../lib/retry.ts';
import type { Label, Pool, Pools } from '../zfs/index.ts';
import { gibibytes } from './block.ts';
import { blockFactsAt, identityOf } from './devices.ts';
import { hasRoom } from './growth.ts';
import { enlargePartition, mayEnlarge, restoreTable } from './partition-grow.ts';

/** The pool's size follows `zpool online -e` a moment later. */
const SEEN_MS = 10_000;

export interface Member {
  /** Of a device or file that the pool is said to have. */
  path: string;
  /** The newest of this pool on it; undefined when it was not read. */
  label?: Label | undefined;
  /** Whether a copy of its disk's partition table was found damaged. */
  torn?: boolean;
}

export interface GrowDeps {
  pools: Pools;
  log: Log;
  tell?: (line: string) => void;
}

type KnownPool = Pick<Pool, 'name' | 'guid'>;

/** A device that the pool has open, by the path that the pool knows it by. */
interface Device extends Member {
  known: string;
  sizeBytes: number;
}

/** Never throws. */
export async function growPool(pool: KnownPool, members: readonly Member[], deps: GrowDeps): Promise<void> {
  const { pools, log, tell } = deps;
  try {
    if (!(await mayGrow(members))) return;
    const devices = await openDevices(pool, members, pools);
    let isEnlarged = false;
    for (const device of devices) {
      if (!(await mayEnlarge(device.path)) && !device.torn) continue;
      if (!(await isOnIt(device, pool, pools))) continue;
      if (device.torn && (await restoreTable(device.path)))
        log.warn({ device: device.path }, 'pool: the partition table was damaged and is written again');
      if (!pools.capabilities.expand || !(await enlargePartition(device.path))) continue;
      isEnlarged = true;
      device.sizeBytes = await sizeOfDevice(device.path);
    }
    // Without a label nothing is known of a device but its size.
    if (isEnlarged) for (const device of devices) await isOnIt(device, pool, pools);
    if (pools.capabilities.expand) await takeRoom(pool, withRoom(devices), deps);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ pool: pool.name, hint: isDmError(error) ? error.hint : undefined }, `pool: ${reason}`);
    tell?.(`The pool ${pool.name} could not be made larger; it is used as it is.`);
  }
}

/** Whether there is anything to do at all, without asking ZFS: at nearly every boot there is not. */
async function mayGrow(members: readonly Member[]): Promise<boolean> {
  const sized: (Member & { sizeBytes: number })[] = [];
  for (const member of members) {
    if (member.torn || (await mayEnlarge(member.path))) return true;
    if (member.label) sized.push({ ...member, sizeBytes: await sizeOfDevice(member.path) });
  }
  return withRoom(sized).length > 0;
}

/**
 * The members that the pool has open. Of one that is missing only its path of old is known, which another disk may
 * have today.
 */
async function openDevices({ name }: KnownPool, members: readonly Member[], pools: Pools): Promise<Device[]> {
  const known = new Map<string | undefined, string>();
  for (const { path, state } of await pools.devices(name))
    if (state === 'ONLINE') known.set(await identityOf(path), path);
  const open: Device[] = [];
  for (const member of members) {
    const identity = await identityOf(member.path);
    const path = identity === undefined ? undefined : known.get(identity);
    if (path !== undefined) open.push({ ...member, known: path, sizeBytes: await sizeOfDevice(member.path) });
  }
  return open;
}

/** Whether its label says that it is a part of this pool; the label is read when it was not. */
async function isOnIt(device: Device, { guid }: KnownPool, pools: Pools): Promise<boolean> {
  device.label ??= newestLabel(await pools.labels(device.path), guid);
  return device.label?.poolGuid === guid;
}

/** The newest label of a pool. Pure. */
export function newestLabel(labels: readonly Label[], poolGuid: string): Label | undefined {
  return labels
    .filter(label => label.poolGuid === poolGuid)
    .toSorted((a, b) => Number(BigInt(b.txg) - BigInt(a.txg)))[0];
}

/** The devices of each top-level vdev of which ZFS would use more. Pure. */
export function withRoom<T extends Pick<Device, 'label' | 'sizeBytes'>>(devices: readonly T[]): T[] {
  const vdevs = Map.groupBy(devices, ({ label }) => label?.topGuid);
  return [...vdevs.values()].filter(isRoomy).flat();
}

function isRoomy(devices: readonly Pick<Device, 'label' | 'sizeBytes'>[]): boolean {
  const label = devices[0]?.label;
  // How large the one is that is not open, nobody knows.
  if (!label || label.paths.length !== devices.length) return false;
  const sizes = devices.map(({ sizeBytes }) => sizeBytes);
  return hasRoom({ type: label.topType ?? '', recordedBytes: label.sizeBytes, sizes });
}

async function takeRoom({ name }: KnownPool, devices: readonly Device[], deps: GrowDeps): Promise<void> {
  const { pools, log, tell } = deps;
  if (devices.length === 0) return;
  const before = await sizeOfPool(name, pools);
  for (const { known } of devices) await pools.expand(name, known);
  const after = await until(
    async () => {
      const size = await sizeOfPool(name, pools);
      return size > before && size;
    },
    { deadlineMs: SEEN_MS, everyMs: 100 },
  );
  const all = devices.map(({ path }) => path).join(', ');
  if (after === undefined) log.warn({ pool: name, devices: all }, 'pool: no room was gained');
  else
    tell?.(
      `${all} ${devices.length === 1 ? 'has' : 'have'} grown: the pool has ${gibibytes(after)} now, it had ${gibibytes(before)}.`,
    );
}

async function sizeOfDevice(path: string): Promise<number> {
  return (await blockFactsAt(path))?.sizeBytes ?? (await stat(path)).size;
}

async function sizeOfPool(poolName: string, pools: Pools): Promise<number> {
  return (await pools.list()).find(pool => pool.name === poolName)?.sizeBytes ?? 0;
}

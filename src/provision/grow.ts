/**
 * A disk that has grown: our partition of it is enlarged, the kernel is told, and the pool takes the room. Only with
 * a pool that is imported here, so that nobody else has the disk. A failure is told and costs nothing but the room.
 */

import { stat } from 'node:fs/promises';
import { isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { until } from '../lib/retry.ts';
import type { Pools } from '../zfs/index.ts';
import { blockFacts, gibibytes } from './block.ts';
import { identityOf } from './devices.ts';
import { hasRoom } from './growth.ts';
import { enlargePartition } from './partition-grow.ts';

/** The pool's size follows `zpool online -e` a moment later. */
const SEEN_MS = 10_000;

export interface Member {
  /** Of the device or file that the pool has. */
  path: string;
  /** What its label says that ZFS uses of it; undefined when the label was not read. */
  recordedBytes?: number | undefined;
}

export interface GrowDeps {
  pools: Pools;
  log: Log;
  tell?: (line: string) => void;
}

/** Never throws. */
export async function growPool(poolName: string, members: readonly Member[], deps: GrowDeps): Promise<void> {
  const { pools, log, tell } = deps;
  if (!pools.capabilities.expand) return;
  try {
    const grown: string[] = [];
    for (const member of members) if (await makeRoom(member)) grown.push(member.path);
    if (grown.length === 0) return;
    const before = await sizeOf(poolName, pools);
    for (const path of grown) await pools.expand(poolName, await nameIn(poolName, path, pools));
    const after = await until(
      async () => {
        const size = await sizeOf(poolName, pools);
        return size > before && size;
      },
      { deadlineMs: SEEN_MS, everyMs: 100 },
    );
    const all = grown.join(', ');
    if (after === undefined) log.warn({ pool: poolName, devices: grown }, 'pool: no room was gained');
    else tell?.(`${all} has grown: the pool has ${gibibytes(after)} now, it had ${gibibytes(before)}.`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ pool: poolName, hint: isDmError(error) ? error.hint : undefined }, `pool: ${reason}`);
    tell?.(`The pool ${poolName} could not be made larger; it is used as it is.`);
  }
}

/** Whether the device is larger than what the pool uses of it, after its partition was enlarged where that is ours. */
async function makeRoom({ path, recordedBytes }: Member): Promise<boolean> {
  const identity = await identityOf(path);
  if (identity === undefined) return false;
  if (!identity.startsWith('block:')) return hasRoom((await stat(path)).size, recordedBytes);
  const facts = await blockFacts(identity.slice('block:'.length));
  if (!facts) return false;
  if (await enlargePartition(facts)) return true;
  return hasRoom(facts.sizeBytes, recordedBytes);
}

/** The path by which the pool knows the device. */
async function nameIn(poolName: string, path: string, pools: Pools): Promise<string> {
  const identity = await identityOf(path);
  for (const device of await pools.devices(poolName))
    if ((await identityOf(device.path)) === identity) return device.path;
  return path;
}

async function sizeOf(poolName: string, pools: Pools): Promise<number> {
  return (await pools.list()).find(pool => pool.name === poolName)?.sizeBytes ?? 0;
}

/** All that the plan needs to know of each named device, looked up in one place. Changes nothing. */

import { isDmError } from '../lib/errors.ts';
import type { Pool, Pools } from '../zfs/index.ts';
import { BLANK, type Content, GPT_WORDS, readContent } from './device-content.ts';
import { deviceUnreadable } from './device-errors.ts';
import { identityOf, type NamedDevice } from './devices.ts';
import { type Edges, isZero, readEdges } from './edges.ts';
import { isTableWhole } from './gpt.ts';
import { lostPartition } from './lost-partition.ts';
import { addPartition, findPartition, partitionMissing, readTable } from './partition.ts';
import { poolPartition } from './partition-table.ts';
import { ourEntry } from './torn-table.ts';
import { isClaimed, usersOfBlock, usersOfFile } from './usage.ts';

/**
 * How the pool gets the device: `as is`; `partition` of the named disk (ours, or one that OpenZFS made);
 * `make partition` on a whole disk; `make file`.
 */
export type Use = 'as is' | 'partition' | 'make partition' | 'make file';

export interface DeviceState {
  named: string;
  /** The device or file itself; with use `partition` that partition. */
  path: string;
  use: Use;
  /** Kernel number of the named device, `major:minor`; undefined for a file. */
  number: string | undefined;
  /** Of what `path` is; 0 for a file that is to be made. */
  sizeBytes: number;
  readOnly: boolean;
  users: string[];
  content: Content;
  /** With use `partition`: a copy of the table is damaged, or not where it belongs. */
  torn?: boolean;
}

/** Devices of all imported pools: identity (see devices.ts) to pool name. */
export async function membersOfPools(pools: Pools, imported: readonly Pool[]): Promise<Map<string, string>> {
  const members = new Map<string, string>();
  for (const pool of imported) {
    for (const device of await pools.devices(pool.name)) {
      const identity = await identityOf(device.path);
      if (identity !== undefined) members.set(identity, pool.name);
    }
  }
  return members;
}

/** @throws DmError device/DEVICE_UNREADABLE, device/PARTITION_MISSING; what `pools.labels` throws of kind zfs */
export async function surveyDevice(
  device: NamedDevice,
  pools: Pools,
  members: ReadonlyMap<string, string>,
): Promise<DeviceState> {
  try {
    return await survey(device, pools, members);
  } catch (error) {
    const known = isDmError(error) && error.code !== 'COMMAND_FAILED' && error.code !== 'COMMAND_TIMED_OUT';
    if (known) throw error;
    throw deviceUnreadable(device.named, error);
  }
}

async function survey(
  device: NamedDevice,
  pools: Pools,
  members: ReadonlyMap<string, string>,
): Promise<DeviceState> {
  const { named, path, identity } = device;
  const contentOf = async (of: string, sizeBytes: number) =>
    readContent(of, await readEdges(of, sizeBytes), device => pools.labels(device));
  const inPool = (of: string) => {
    const pool = members.get(of);
    return pool === undefined ? [] : [`it belongs to the imported pool ${pool}`];
  };
  const base = { named, path, number: undefined, readOnly: false, users: [], content: BLANK };
  if (device.kind === 'new file') return { ...base, use: 'make file', sizeBytes: 0 };
  if (device.kind === 'file') {
    const users = [...inPool(identity), ...(await usersOfFile(path))];
    if (device.sizeBytes === 0) return { ...base, users, use: 'make file', sizeBytes: 0 };
    const content = users.length > 0 ? BLANK : await contentOf(path, device.sizeBytes);
    return { ...base, users, use: 'as is', sizeBytes: device.sizeBytes, content };
  }

  const { facts } = device;
  const users = [identity, ...facts.partitions.map(part => `block:${part.number}`)].flatMap(inPool);
  if (users.length === 0) users.push(...(await usersOfBlock(facts)));
  const block = { ...base, number: facts.number, readOnly: facts.readOnly, users };
  // In use: refused in any case, and not worth disturbing whoever uses it.
  if (users.length > 0) return { ...block, use: 'as is', sizeBytes: facts.sizeBytes };
  const whole = { ...block, sizeBytes: facts.sizeBytes };
  const edges = await readEdges(path, facts.sizeBytes);
  if (await isClaimed(path)) return { ...whole, use: 'as is', users: ['the kernel says that it is busy'] };
  if (!facts.partitionable)
    return { ...whole, use: 'as is', content: await readContent(path, edges, of => pools.labels(of)) };

  const table = isZero(edges) ? undefined : await readTable(path);
  const member = table && poolPartition(table);
  if (member) {
    const node = await findPartition({ named, path, number: facts.number }, member.name);
    const content = await contentOf(node.path, node.sizeBytes);
    // A blank partition in a table that is not ours has another owner's plans.
    if (member.ours || content.labels.length > 0) {
      const torn = member.ours && !isTableWhole(edges);
      return { ...block, path: node.path, use: 'partition', sizeBytes: node.sizeBytes, content, torn };
    }
  }
  const content = await readContent(path, edges, of => pools.labels(of));
  const lost = lostPartition(table, content, edges);
  if (lost) {
    const node = await addPartition({ named, path, number: facts.number }, lost);
    const inside = await contentOf(node.path, node.sizeBytes);
    if (inside.labels.length === 0) throw partitionMissing(named);
    const { path: at, sizeBytes } = node;
    return { ...block, path: at, use: 'partition', sizeBytes, content: inside, torn: true };
  }
  if (isLostTable(content, edges)) throw partitionMissing(named);
  // A pool that lies on the bare disk, without a partition, stays there.
  return { ...whole, use: content.labels.length > 0 ? 'as is' : 'make partition', content };
}

/**
 * Our entry is there, and a GPT that can not be read, and nothing else, not even a pool. --force must not take that for
 * waste.
 */
function isLostTable({ found }: Content, edges: Edges): boolean {
  return found.length > 0 && found.every(each => each === GPT_WORDS) && ourEntry(edges) !== undefined;
}

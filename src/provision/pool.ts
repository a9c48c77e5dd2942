/**
 * Step 1 of a boot: the pool. Found imported, else imported from the named devices, else created on them; in all
 * other cases refused by name. Looks before it acts, so that any point of it may be cut off and run again.
 */

import { DmError, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { POOL_MARK, PROPERTY, RUN_DIRECTORY } from '../model/layout.ts';
import { makePrivateDirectory } from '../system/files.ts';
import { takeLock } from '../system/lock.ts';
import type { Pool, Pools, Zfs } from '../zfs/index.ts';
import { abortable } from './context.ts';
import { deviceInUse } from './device-errors.ts';
import { expandDevices, identityOf, type NamedDevice } from './devices.ts';
import { type Watched, writtenMeanwhile } from './idle.ts';
import { judgeImported } from './pool-kept.ts';
import { type Plan, planPool } from './pool-plan.ts';
import { createProperties } from './pool-properties.ts';
import { prepareDevice } from './prepare-devices.ts';
import { type DeviceState, membersOfPools, surveyDevice } from './survey.ts';
import { host, judgeForeign, stillInUse } from './takeover.ts';

export interface PoolRequest {
  poolName: string;
  /** As the user named them, comma lists split. */
  devices: readonly string[];
  /** Of a file that is to be made. */
  storageSizeBytes: number;
  /** Wipe devices that carry something; never one in use, never a pool of this name. */
  force: boolean;
  /** Take a pool that another host had although nothing says that it is one of ours. */
  takeover: boolean;
}

export interface PoolDeps {
  pools: Pools;
  zfs: Zfs;
  log: Log;
  signal?: AbortSignal;
  /** What a person at the console should know while waiting. */
  tell?: (line: string) => void;
  /** Milliseconds to wait for a device that is not there yet. Default 5 s. */
  deviceWaitMs?: number;
}

export interface PoolOutcome {
  how: 'kept' | 'imported' | 'created' | 'taken-over';
  pool: Pool;
}

const DEVICE_WAIT_MS = 5_000;
/** Longer than another run's creation, or its look at an idle pool, takes. */
const LOCK_WAIT_MS = 120_000;

/**
 * One at a time on the machine, whatever the pool: two runs for two pools could name the same disk.
 *
 * @throws DmError device/… (device-errors.ts, devices.ts, partition.ts, prepare-devices.ts), pool/POOL_OTHER_DEVICES,
 *   POOL_MISSING_DEVICE, POOL_OTHER_NAME, POOL_TWICE, POOL_FOREIGN, POOL_UNUSABLE, POOL_READ_ONLY, what Pools throws,
 *   locked/LOCKED
 */
export async function ensurePool(request: PoolRequest, deps: PoolDeps): Promise<PoolOutcome> {
  await makePrivateDirectory(RUN_DIRECTORY);
  const onWait = (holder: string) =>
    deps.tell?.(`Waiting for ${holder || 'another run'}, which is at the disks.`);
  const taking = takeLock(`${RUN_DIRECTORY}/devices.lock`, { waitMs: LOCK_WAIT_MS, onWait });
  const lock = await (deps.signal ? abortable(taking, deps.signal) : taking);
  try {
    return await decide(request, deps);
  } finally {
    await lock.release();
  }
}

async function decide(request: PoolRequest, deps: PoolDeps): Promise<PoolOutcome> {
  const { pools, signal, tell } = deps;
  const named = await expandDevices(request.devices, {
    waitMs: deps.deviceWaitMs ?? DEVICE_WAIT_MS,
    signal,
    tell,
  });
  const all = await pools.list();
  const imported = all.find(pool => pool.name === request.poolName);
  if (imported) return keep(imported, named, deps);

  const members = await membersOfPools(pools, all);
  const states: DeviceState[] = [];
  for (const device of named) states.push(await surveyDevice(device, pools, members));
  const plan = planPool(request, states);
  deps.log.debug(
    { plan: plan.do, devices: states.map(({ path, use }) => `${path}: ${use}`) },
    'pool: decided',
  );
  signal?.throwIfAborted();
  if (plan.do === 'refuse') throw plan.error;
  if (plan.do === 'import') return importPool(request, plan, states, deps);
  return createPool(request, plan, states, deps);
}

async function keep(pool: Pool, named: readonly NamedDevice[], deps: PoolDeps): Promise<PoolOutcome> {
  // A suspended pool may not answer any more: its health alone decides.
  const paths =
    pool.health === 'SUSPENDED' ? [] : (await deps.pools.devices(pool.name)).map(({ path }) => path);
  const devices = await Promise.all(paths.map(async path => ({ path, identity: await identityOf(path) })));
  const wanted = named.map(device => {
    const parts = device.kind === 'block' ? device.facts.partitions : [];
    return { ...device, identities: [device.identity, ...parts.map(part => `block:${part.number}`)] };
  });
  const fault = judgeImported(pool, devices, wanted);
  if (fault) throw fault;
  await mark(pool.name, deps);
  return { how: 'kept', pool };
}

async function importPool(
  { poolName, takeover }: PoolRequest,
  { guid, label }: Plan & { do: 'import' },
  states: readonly DeviceState[],
  deps: PoolDeps,
): Promise<PoolOutcome> {
  const { pools, signal, tell } = deps;
  // These devices and no others, so that a pool of that name elsewhere is never met.
  const from = states.map(state => state.path);
  try {
    await pools.import(poolName, { from, guid });
    return await arrived('imported', poolName, deps);
  } catch (error) {
    if (!isDmError(error, 'POOL_FOREIGN')) throw error;
  }
  const importable = (await pools.importable(from)).find(pool => pool.guid === guid);
  const fault = judgeForeign({ poolName, label, importable, takeover }, pools.capabilities);
  if (fault) throw fault;
  tell?.(`The pool ${poolName} was last used by ${host(label)}. Watching for 10 s whether it still is.`);
  const written = await writtenMeanwhile(states.map(watched), { signal });
  if (written !== undefined) throw stillInUse({ poolName, label }, written);
  await pools.import(poolName, { from, guid, force: true });
  deps.log.warn(
    { pool: poolName, hostName: label.hostName, hostId: label.hostId },
    'pool: taken over, it was idle',
  );
  return arrived('taken-over', poolName, deps);
}

async function createPool(
  { poolName, storageSizeBytes }: PoolRequest,
  { wipe, watch }: Plan & { do: 'create' },
  states: readonly DeviceState[],
  deps: PoolDeps,
): Promise<PoolOutcome> {
  const { pools, signal, tell } = deps;
  if (watch.length > 0) {
    tell?.('Before wiping, watching for 10 s whether another machine uses these disks.');
    const written = await writtenMeanwhile(watch.map(watched), { signal });
    if (written !== undefined) throw deviceInUse(written, ['another machine is writing to it now']);
  }
  const paths: string[] = [];
  for (const state of states) {
    signal?.throwIfAborted();
    const wiped = wipe.includes(state);
    if (wiped) deps.log.warn({ device: state.named, found: state.content.found }, 'pool: wiping a device');
    paths.push(await prepareDevice(state, wiped, storageSizeBytes));
  }
  await pools.create(poolName, paths, createProperties(pools.capabilities));
  return arrived('created', poolName, deps);
}

function watched({ path, sizeBytes, number }: DeviceState): Watched {
  return { path, sizeBytes, isBlock: number !== undefined };
}

async function arrived(how: PoolOutcome['how'], name: string, deps: PoolDeps): Promise<PoolOutcome> {
  const { pools } = deps;
  const pool = (await pools.list()).find(each => each.name === name);
  if (!pool) {
    throw new DmError('pool', 'POOL_MISSING', `The pool ${name} was ${how}, but ZFS does not list it.`, {
      hint: 'Somebody may have exported it just now; try again.',
    });
  }
  if (how === 'created') return { how, pool };
  const fault = judgeImported(pool, [], []);
  if (fault) throw fault;
  await mark(name, deps);
  return { how, pool };
}

/**
 * A pool that has nothing below its root but carries no mark was cut off between its creation and its properties
 * (`zpool create` sets those of the root afterwards): it gets the mark now. One with other people's data is used,
 * with a warning, and never marked.
 */
async function mark(name: string, { zfs, log }: PoolDeps): Promise<void> {
  const value = (await zfs.get(name, [PROPERTY.pool]))[PROPERTY.pool];
  if (value === POOL_MARK) return;
  if ((await zfs.filesystems(name)).length > 1) {
    log.warn(
      { pool: name },
      'pool: it was not made by dm-linuxkit; it is used all the same, as it was named',
    );
    return;
  }
  await zfs.set(name, createProperties(zfs.capabilities).root);
}

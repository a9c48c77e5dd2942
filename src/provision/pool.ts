/**
 * Step 1 of a boot: the pool. Found imported, else imported from the named devices, else created on them; in all
 * other cases refused by name. Looks before it acts, so that any point of it may be cut off and run again.
 */

import { DmError, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { POOL_MARK, PROPERTY, RUN_DIRECTORY } from '../model/layout.ts';
import { makePrivateDirectory } from '../system/files.ts';
import { takeLock } from '../system/lock.ts';
import type { ImportOptions, Label, Pool, Pools, Zfs } from '../zfs/index.ts';
import { fingerprint } from './auto.ts';
import { chooseDisks } from './choose-disks.ts';
import { abortable } from './context.ts';
import { deviceInUse } from './device-errors.ts';
import { expandDevices, identityOf, type NamedDevice } from './devices.ts';
import { AUTO } from './flags.ts';
import { growPool, type Member, newestLabel } from './grow.ts';
import { type Watched, writtenMeanwhile } from './idle.ts';
import { type Patience, startPatience } from './patience.ts';
import { refusePoolOnOthers } from './pool-elsewhere.ts';
import { judgeImported } from './pool-kept.ts';
import { type Plan, planPool } from './pool-plan.ts';
import { createProperties } from './pool-properties.ts';
import { ACTIVE } from './pool-state.ts';
import { prepareDevice } from './prepare-devices.ts';
import { type DeviceState, membersOfPools, surveyDevice } from './survey.ts';
import { host, judgeForeign, stillInUse } from './takeover.ts';

export interface PoolRequest {
  poolName: string;
  /** As the user named them, comma lists split; or `auto` alone. */
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
  /** Milliseconds to wait for a device that is not there yet; with `auto` for the pool's disks, or a blank one. */
  deviceWaitMs: number;
  /** Gets what is about to be written, before it is: how the machine is left when this fails (aftermath.ts). */
  begun: Pick<Set<string>, 'add' | 'delete'>;
  /** Whether `auto` takes loop devices as well: tests have no other disks. */
  loopsAreDisks?: boolean;
}

export interface PoolOutcome {
  how: 'kept' | 'imported' | 'created' | 'taken-over';
  pool: Pool;
}

/** Longer than another run's creation, or its look at an idle pool, takes. */
const LOCK_WAIT_MS = 120_000;

/**
 * One at a time on the machine, whatever the pool: two runs for two pools could name the same disk.
 *
 * @throws DmError device/… (device-errors.ts, devices.ts, partition.ts, prepare-devices.ts), pool/POOL_OTHER_DEVICES,
 *   POOL_MISSING_DEVICE, POOL_OTHER_NAME, POOL_ELSEWHERE, POOL_TWICE, POOL_FOREIGN, POOL_UNUSABLE, POOL_READ_ONLY, what Pools throws,
 *   locked/LOCKED
 */
export async function ensurePool(request: PoolRequest, deps: PoolDeps): Promise<PoolOutcome> {
  await makePrivateDirectory(RUN_DIRECTORY);
  const { deviceWaitMs: waitMs, signal, tell } = deps;
  if (!isAuto(request)) {
    // Others get to the disks while we wait for ours.
    await expandDevices(request.devices, { waitMs, signal, tell });
    return alone(deps, () => decide(request, deps));
  }
  const patience = await startPatience(waitMs, fingerprint);
  for (;;) {
    const outcome = await alone(deps, () => decideAlone(request, deps, patience));
    if (outcome) return outcome;
    await patience.change(signal);
  }
}

const isAuto = ({ devices }: PoolRequest) => devices.length === 1 && devices[0] === AUTO;

async function alone<T>(deps: PoolDeps, work: () => Promise<T>): Promise<T> {
  const onWait = (holder: string) =>
    deps.tell?.(`Waiting for ${holder || 'another run'}, which is at the disks.`);
  const taking = takeLock(`${RUN_DIRECTORY}/devices.lock`, { waitMs: LOCK_WAIT_MS, onWait });
  const lock = await (deps.signal ? abortable(taking, deps.signal) : taking).catch((error: unknown) => {
    // Left alone, it would have the lock one day, and the next try would wait for itself.
    taking.then(late => late.release()).catch(() => undefined);
    throw error;
  });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function decide(request: PoolRequest, deps: PoolDeps): Promise<PoolOutcome> {
  const { pools } = deps;
  const named = await expandDevices(request.devices, { waitMs: 0 });
  const all = await pools.list();
  const imported = all.find(pool => pool.name === request.poolName);
  if (imported) return keep(imported, named, deps);

  const members = await membersOfPools(pools, all);
  const states: DeviceState[] = [];
  for (const device of named) states.push(await surveyDevice(device, pools, members));
  return carryOut(request, states, deps);
}

/** Undefined when the disks that are there now do not tell: look again when that has changed. */
async function decideAlone(
  request: PoolRequest,
  deps: PoolDeps,
  patience: Patience,
): Promise<PoolOutcome | undefined> {
  const all = await deps.pools.list();
  const imported = all.find(pool => pool.name === request.poolName);
  // Where it is is known best by ZFS.
  if (imported) return keep(imported, undefined, deps);
  const members = await membersOfPools(deps.pools, all);
  const states = await chooseDisks(request.poolName, members, patience, deps);
  return states && carryOut(request, states, deps);
}

async function carryOut(
  request: PoolRequest,
  states: readonly DeviceState[],
  deps: PoolDeps,
): Promise<PoolOutcome> {
  const plan = planPool(request, states);
  deps.log.debug(
    { plan: plan.do, devices: states.map(({ path, use }) => `${path}: ${use}`) },
    'pool: decided',
  );
  deps.signal?.throwIfAborted();
  if (plan.do === 'refuse') throw plan.error;
  if (plan.do === 'import') {
    const outcome = await importPool(request, plan, states, deps);
    await growPool(outcome.pool, states.map(memberOf(plan.guid)), deps);
    return outcome;
  }
  if (!isAuto(request)) await refusePoolOnOthers(request.poolName, states, deps.pools, deps.log);
  return createPool(request, plan, states, deps);
}

/** What the pool has on a device, as it was before the import. */
const memberOf =
  (guid: string) =>
  ({ path, content, torn = false }: DeviceState): Member => ({
    path,
    label: newestLabel(content.labels, guid),
    torn,
  });

/** `named` undefined: whichever devices it has. */
async function keep(
  pool: Pool,
  named: readonly NamedDevice[] | undefined,
  deps: PoolDeps,
): Promise<PoolOutcome> {
  // A suspended pool may not answer any more: its health alone decides.
  const paths =
    pool.health === 'SUSPENDED' ? [] : (await deps.pools.devices(pool.name)).map(({ path }) => path);
  const devices = await Promise.all(paths.map(async path => ({ path, identity: await identityOf(path) })));
  const wanted = named?.map(device => {
    const parts = device.kind === 'block' ? device.facts.partitions : [];
    return { ...device, identities: [device.identity, ...parts.map(part => `block:${part.number}`)] };
  });
  const fault = wanted ? judgeImported(pool, devices, wanted) : judgeImported(pool, [], []);
  if (fault) throw fault;
  await mark(pool.name, deps);
  await growPool(
    pool,
    paths.map(path => ({ path })),
    deps,
  );
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
  if (isUnclaimed(label)) {
    tell?.(
      `The pool ${poolName} was not exported, and its host had no id: watching for 10 s whether it is in use.`,
    );
    const inUse = await writtenMeanwhile(states.map(watched), { signal });
    if (inUse !== undefined) throw stillInUse({ poolName, label }, inUse);
  }
  try {
    signal?.throwIfAborted();
    await take(poolName, { from, guid }, deps);
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
  signal?.throwIfAborted();
  await take(poolName, { from, guid, force: true }, deps);
  deps.log.warn(
    { pool: poolName, hostName: label.hostName, hostId: label.hostId },
    'pool: taken over, it was idle',
  );
  return arrived('taken-over', poolName, deps);
}

async function take(poolName: string, how: ImportOptions, { pools, begun }: PoolDeps): Promise<void> {
  const what = `the import of the pool ${poolName}`;
  begun.add(what);
  await pools.import(poolName, how).catch((error: unknown) => {
    // ZFS has refused it.
    if (isDmError(error) && error.kind === 'pool') begun.delete(what);
    throw error;
  });
}

/**
 * ZFS guards a pool by the id of its host. Machines without one (no /etc/hostid, no spl_hostid: LinuxKit's) all look the
 * same to it, and it would import what another of them has in use.
 */
function isUnclaimed({ state, hostId }: Label): boolean {
  return state === ACTIVE && (hostId === undefined || /^0+$/.test(hostId));
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
    paths.push(await prepareDevice(state, wiped, storageSizeBytes, deps.begun));
  }
  signal?.throwIfAborted();
  const what = `the pool ${poolName} on ${paths.join(', ')}`;
  deps.begun.add(what);
  await pools.create(poolName, paths, createProperties(pools.capabilities)).catch((error: unknown) => {
    if (isDmError(error, 'DEVICE_IN_USE')) deps.begun.delete(what);
    throw error;
  });
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
async function mark(name: string, { zfs, log, begun }: PoolDeps): Promise<void> {
  const value = (await zfs.get(name, [PROPERTY.pool]))[PROPERTY.pool];
  if (value === POOL_MARK) return;
  if ((await zfs.filesystems(name)).length > 1) {
    log.warn(
      { pool: name },
      'pool: it was not made by dm-linuxkit; it is used all the same, as it was named',
    );
    return;
  }
  begun.add(`the properties of the pool ${name}`);
  await zfs.set(name, createProperties(zfs.capabilities).root);
}

/** Step 9: `dm-linuxkit stop` ends a daemon, takes the mounts away, and exports the pool when asked to. */

import { rmdir } from 'node:fs/promises';
import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { RUN_DIRECTORY } from '../model/layout.ts';
import { bindApart, type Mount, mountTable, pathInWhole, unmount, withMountLock } from '../system/mounts.ts';
import { isAlive, signal } from '../system/processes.ts';
import type { User } from '../system/users.ts';
import { abortable, againstTheClock, type Clock, type Context } from './context.ts';
import { layCovers, liftCovers, openMountpoints } from './guard.ts';
import { changeGuards, heldGuards, readGuards } from './guard-record.ts';
import { importedPool } from './imported.ts';
import { isExposed, mountsOf, refuseWhenInUse } from './in-use.ts';
import { requireRoot } from './input.ts';
import type { StopOptions } from './options.ts';
import { refuseServerElsewhere, withPoolLock } from './pool-lock.ts';
import { liveRunFile, type RunPaths, removeRunDirectory, runPaths, stopLeftovers } from './run-files.ts';
import { probeStateDirectory } from './state-dataset.ts';
import { newStatus, readStatus, STATUS_FILES, writeStatus } from './status.ts';

/** It stops within 10 s; then the kernel ends its children with it. */
const DAEMON_MS = 15_000;
const BUSY_MS = 3_000;

/**
 * @throws DmError zfs/ZFS_HUNG, mount/UNMOUNT_BUSY (data.users; the mounts are as they were, and a daemon goes on),
 *   pool/POOL_BUSY, services/DAEMON_STUCK, locked/LOCKED
 */
export async function stop(options: StopOptions, context: Context): Promise<void> {
  requireRoot();
  await probeStateDirectory(options.poolName, context.adapters);
  const paths = runPaths(options.poolName, RUN_DIRECTORY);
  await interruptStart(paths);
  await againstTheClock(context, options.timeoutMs, clock =>
    withPoolLock(paths, context, clock, () => stopUnderLock(options, paths, context, clock)),
  );
  await tellStopped(options.poolName, context);
}

/** What the boot step said is over. The daemon says so itself. */
async function tellStopped(pool: string, { log }: Context): Promise<void> {
  try {
    const status = await readStatus(STATUS_FILES.oneshot);
    if (status?.pool === pool)
      await writeStatus(STATUS_FILES.oneshot, { ...newStatus(pool, '', ''), state: 'stopped' });
  } catch (error) {
    log.warn(`${STATUS_FILES.oneshot} can not be written: ${asDmError(error).message}`);
  }
}

async function stopUnderLock(
  { poolName, export: exporting }: StopOptions,
  paths: RunPaths,
  context: Context,
  clock: Clock,
): Promise<void> {
  const guarded = await readGuards(paths);
  const covers = await liftCovers(guarded);
  // As long as a program is at work in what the pool has, the daemon goes on serving it.
  let exposed: Gone[] = [];
  let stopped: boolean;
  let unmounted: Gone[];
  try {
    await refuseWhenInUse(poolName, paths, exporting);
    exposed = await unmountAll(poolName, isExposed);
    stopped = await stopDaemon(paths);
    await stopLeftovers(paths, context.log);
    await refuseServerElsewhere(paths, context, clock);
    clock.signal.throwIfAborted();
    unmounted = [...exposed, ...(await unmountAll(poolName, () => true))];
  } catch (error) {
    await bringBack(exposed);
    await layCovers(covers);
    throw error;
  }
  // The record may be younger than a mount (another /run): what was a mountpoint is looked at as well.
  const known = new Set([...guarded, ...exposed.map(({ mountpoint }) => mountpoint)]);
  // A boot step that waits for its dot wants its mountpoint closed, whoever stops what.
  const held = await heldGuards(paths);
  covers.push(...unmounted.filter(({ covered }) => covered).map(({ mountpoint }) => mountpoint));
  await layCovers(covers.filter(directory => held.includes(directory)));
  const closed = [...known].filter(directory => !held.includes(directory)).sort();
  const left = await openMountpoints(closed, context.log);
  await changeGuards(paths, guards => {
    for (const directory of closed) if (!left.includes(directory)) guards.delete(directory);
  });
  await removeRunDirectory(paths);
  const pools = (await abortable(importedPool(poolName, context), clock.signal))?.pools;
  if (!stopped && unmounted.length === 0 && !pools) {
    context.tell(`There is nothing to stop: the pool ${poolName} is not imported.`);
    return;
  }
  if (exporting && pools) await pools.export(poolName);
  const state = !pools ? 'not imported' : exporting ? 'exported' : 'still imported';
  context.tell(`Stopped: ${count(unmounted.length)} taken away, the pool ${poolName} is ${state}.`);
}

/** A daemon that is still providing holds the lock for which we would wait: it takes back what it began. */
async function interruptStart(paths: RunPaths): Promise<void> {
  const daemon = await liveRunFile(paths.daemon);
  if (daemon?.state === 'starting') signal(daemon, 'SIGTERM');
}

async function stopDaemon(paths: RunPaths): Promise<boolean> {
  const daemon = await liveRunFile(paths.daemon);
  if (!daemon) return false;
  signal(daemon, 'SIGTERM');
  if (await until(() => !isAlive(daemon), { deadlineMs: DAEMON_MS })) return true;
  throw new DmError('services', 'DAEMON_STUCK', `The daemon (pid ${daemon.pid}) did not end within 15 s.`, {
    hint: 'Its log says what it waits for. The mounts are as they were.',
  });
}

/** A mount that was taken away; `covered`: what closes the mountpoint lay below, and went with it. */
type Gone = Mount & { covered: boolean };

/**
 * Takes the pool's mounts away that are chosen, newest first; when one is in use, those that went come back.
 *
 * @throws DmError zfs/ZFS_HUNG, mount/UNMOUNT_BUSY (data.users)
 */
async function unmountAll(pool: string, chosen: (mount: Mount) => boolean): Promise<Gone[]> {
  return withMountLock(async () => {
    const gone: Gone[] = [];
    for (const mount of mountsOf(pool, await mountTable()).filter(chosen)) {
      try {
        await unmountSoon(mount.mountpoint);
        const taken = { ...mount, covered: false };
        gone.push(taken);
        // It would keep busy what it lies in.
        taken.covered = (await liftCovers([mount.mountpoint])).length > 0;
        // Ours to make, ours to take; the next mount makes it again. Not when something else is in it, or below it.
        if (!isExposed(mount)) await rmdir(mount.mountpoint).catch(() => undefined);
      } catch (error) {
        await bringBack(gone);
        throw error;
      }
    }
    return gone;
  });
}

/** What ended a moment ago may keep a filesystem busy for some milliseconds more, with nobody to be seen. */
async function unmountSoon(mountpoint: string): Promise<void> {
  const end = performance.now() + BUSY_MS;
  const tried = async () => {
    try {
      await unmount(mountpoint);
      return true;
    } catch (error) {
      const passing = isDmError(error, 'UNMOUNT_BUSY') && (error.data.users as User[]).length === 0;
      if (!passing || performance.now() > end) throw error;
      return false;
    }
  };
  await until(tried, { deadlineMs: 2 * BUSY_MS, everyMs: 100 });
}

/**
 * Binds again what was bound to a filesystem that is still mounted as a whole; best effort, after another
 * error.
 */
async function bringBack(gone: readonly Gone[]): Promise<void> {
  const table = await mountTable();
  for (const mount of [...gone].reverse()) {
    if (mount.covered) await layCovers([mount.mountpoint]);
    const path = pathInWhole(mount, table);
    if (path !== undefined) await bindApart(path, mount.mountpoint).catch(() => undefined);
  }
}

const count = (mounts: number): string => (mounts === 1 ? '1 mount' : `${mounts} mounts`);

/**
 * `dm-linuxkit unmount`: a mountpoint is given up for good. What the pool has mounted there is taken away, the pool's
 * record of it is removed, so that no daemon mounts it again, and the directory is opened. That also opens one that a
 * failed run has closed, with or without its pool, whatever became of the run's record.
 */

import { asDmError, DmError } from '../lib/errors.ts';
import { dotsRoot } from '../model/layout.ts';
import { printable } from '../model/names.ts';
import { isCover } from '../system/cover.ts';
import { isImmutable } from '../system/immutable.ts';
import { type Mount, mountsAt, mountTable, unmount, withMountLock } from '../system/mounts.ts';
import { servicesOn } from './bring-up.ts';
import { abortable, againstTheClock, type Clock, type Context, withClient } from './context.ts';
import { openMountpoints } from './guard.ts';
import { changeGuards, heldGuards, readGuards } from './guard-record.ts';
import { importedPool } from './imported.ts';
import { givenSecrets, requireRoot } from './input.ts';
import { findAt, resolvedMountpoint } from './mountpoint.ts';
import type { LogChoice } from './options.ts';
import { refuseServerElsewhere, servingDaemon, withPoolLock } from './pool-lock.ts';
import { type RunPaths, runPaths, stopLeftovers } from './run-files.ts';
import { probeStateDirectory } from './state-dataset.ts';
import { readStatus, STATUS_FILES, writeStatus } from './status.ts';

export interface UnmountOptions {
  /** Absolute, normalised. */
  mountpoint: string;
  poolName: string;
  timeoutMs: number;
  log: LogChoice;
}

interface Place {
  options: UnmountOptions;
  /** The mountpoint without symbolic links above it. */
  path: string;
  paths: RunPaths;
  context: Context;
  clock: Clock;
}

/**
 * Again, it has nothing to do, and succeeds.
 *
 * @throws DmError mount/UNMOUNT_BUSY (data.users) and mount/NOT_OURS, all is as it was then; mount/STAYS_CLOSED;
 *   what starting the services throws
 */
export async function unmountDot(options: UnmountOptions, context: Context): Promise<void> {
  requireRoot();
  await probeStateDirectory(options.poolName, context.adapters);
  const paths = runPaths(options.poolName);
  await againstTheClock(context, options.timeoutMs, async clock => {
    const path = await resolvedMountpoint(options.mountpoint);
    await withPoolLock(paths, context, clock, () => giveUp({ options, path, paths, context, clock }));
  });
}

async function giveUp(place: Place): Promise<void> {
  const { options, path, context } = place;
  const { poolName } = options;
  await refuseForeign(place);
  const isForgotten = await throughServer(place, async forget => {
    await takeAway(path);
    await forget();
  });
  await openAt(place);
  await tellStatus(place);
  const where = printable(path);
  if (isForgotten)
    context.tell(`Nothing of the pool ${poolName} is mounted at ${where}, now or by a daemon.`);
  else
    context.tell(
      `${where} is open. The pool ${poolName} is not imported: what it has recorded for that place stays recorded.`,
    );
}

/** What is not this pool's is not ours to take away. */
async function refuseForeign({ path, options: { poolName } }: Place): Promise<void> {
  const isOurs = (mount: Mount) => isCover(mount) || mount.source.startsWith(`${dotsRoot(poolName)}/`);
  const alien = (await mountsAt(path)).find(mount => !isOurs(mount));
  if (!alien) return;
  throw new DmError(
    'mount',
    'NOT_OURS',
    `What is mounted at ${printable(path)} is no dot of the pool ${poolName}: ${alien.source}.`,
    { hint: 'Name the pool with --pool-name, or use umount(8).' },
  );
}

/**
 * Runs `work` while a server of the pool can be told to forget the mount: that of the daemon, else one that is started
 * for it, like that of a one-shot. When the server can not be had, nothing is done.
 *
 * @returns false when the pool is not imported; then nothing was done, and nothing of the pool is mounted
 */
async function throughServer(
  { options, path, paths, context, clock }: Place,
  work: (forget: () => Promise<void>) => Promise<void>,
): Promise<boolean> {
  // By the name under which it was recorded, of which links may have led elsewhere since.
  const names = [...new Set([options.mountpoint, path])];
  const serve = () =>
    withClient(context, paths.serverSocket, clock, client =>
      work(async () => {
        for (const Mountpoint of names) await client.call('ForgetMount', { Mountpoint });
      }),
    );
  if (await servingDaemon(paths, clock)) {
    await serve();
    return true;
  }
  await stopLeftovers(paths, context.log);
  await refuseServerElsewhere(paths, context, clock);
  const found = await abortable(importedPool(options.poolName, context), clock.signal);
  if (!found) return false;
  const { poolName, log } = options;
  const settings = { poolName, log, listen: undefined };
  const { services } = await servicesOn(found, settings, await givenSecrets({}), { paths, context, clock });
  try {
    await serve();
  } finally {
    await services.stop();
  }
  return true;
}

/** @throws DmError mount/UNMOUNT_BUSY */
async function takeAway(path: string): Promise<void> {
  await withMountLock(async () => {
    const ours = (await mountsAt(path)).filter(mount => !isCover(mount));
    if (ours.length === 0) return;
    const inner = (await mountTable()).filter(({ mountpoint }) => mountpoint.startsWith(`${path}/`));
    if (inner.length > 0) {
      const all = inner.map(({ mountpoint }) => printable(mountpoint)).join(', ');
      throw new DmError('mount', 'UNMOUNT_BUSY', `${printable(path)} is in use by the mounts ${all}.`, {
        hint: 'Unmount these first.',
        data: { users: [] },
      });
    }
    for (const _ of ours) await unmount(path);
  });
}

/** @throws DmError mount/STAYS_CLOSED */
async function openAt({ path, paths, context }: Place): Promise<void> {
  const recorded = (await readGuards(paths)).includes(path);
  const { what } = await findAt(path);
  const isClosed = what === 'covered' || (what === 'empty' && (await isImmutable(path)));
  // Files in a directory that we have not closed are somebody's, and so is its attribute.
  if (!isClosed && !recorded) return;
  if ((await heldGuards(paths)).includes(path))
    throw staysClosed(path, 'a boot step that still runs waits for its dot', 'End that one first.');
  if ((await openMountpoints([path], context.log)).length > 0)
    throw staysClosed(path, '"chattr -i" is refused', 'It takes CAP_LINUX_IMMUTABLE.');
  await changeGuards(paths, guards => void guards.delete(path));
}

function staysClosed(path: string, why: string, hint: string): DmError {
  return new DmError('mount', 'STAYS_CLOSED', `${printable(path)} stays closed: ${why}.`, { hint });
}

/** It is not one of the mounts any more. */
async function tellStatus({ options, path, context: { log } }: Place): Promise<void> {
  for (const file of Object.values(STATUS_FILES)) {
    try {
      const status = await readStatus(file);
      if (status?.pool !== options.poolName) continue;
      const mounts = status.mounts.filter(
        ({ mountpoint }) => mountpoint !== path && mountpoint !== options.mountpoint,
      );
      if (mounts.length < status.mounts.length) await writeStatus(file, { ...status, mounts });
    } catch (error) {
      log.warn(`${file} can not be written: ${asDmError(error).message}`);
    }
  }
}

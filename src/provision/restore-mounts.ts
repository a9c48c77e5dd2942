/** A daemon's start: every mount that was recorded on the pool appears again. */

import { asDmError } from '../lib/errors.ts';
import type { PreparedMount } from '../wire/methods.ts';
import type { Run } from './bring-up.ts';
import { withClient } from './context.ts';
import { expose } from './expose.ts';
import { closeMountpoint } from './guard.ts';
import { unseenOutside } from './outside.ts';
import type { MountStatus } from './status.ts';

const MOUNTS_MS = 60_000;

/** What is recorded, outer mountpoints first: an inner one may lie in the data of the outer dot. */
export async function recordedMounts({ paths, context, clock }: Run): Promise<PreparedMount[]> {
  const mounts = await withClient(context, paths.serverSocket, clock, client =>
    client.call('Mounts', null, { timeoutMs: MOUNTS_MS }),
  );
  return outerFirst(mounts);
}

/** Pure. A path sorts before everything that lies below it. */
export function outerFirst<T extends { Mountpoint: string }>(mounts: readonly T[]): T[] {
  return [...mounts].sort((a, b) => (a.Mountpoint < b.Mountpoint ? -1 : 1));
}

/** Pure: whether `inner` lies in `outer`, and is not the same. */
export function liesBelow(inner: string, outer: string): boolean {
  return inner.startsWith(`${outer}/`);
}

/**
 * Closes the mountpoints of all, then mounts one after the other. One that can not be mounted is a warning, not the
 * end of the others, and stays closed.
 */
export async function restoreMounts(mounts: readonly PreparedMount[], run: Run): Promise<MountStatus[]> {
  const { clock } = run;
  for (const { Mountpoint } of mounts) await closeIfPossible(Mountpoint, run);
  const results: MountStatus[] = [];
  for (const mount of mounts) {
    clock.signal.throwIfAborted();
    results.push(await restore(mount, run));
  }
  return results;
}

/** In a moment it is mounted; the other mounts do not wait for one that can not be closed. */
async function closeIfPossible(mountpoint: string, { paths, context }: Run): Promise<void> {
  try {
    await closeMountpoint(mountpoint, paths);
  } catch (error) {
    context.log.warn(asDmError(error).message);
  }
}

async function restore(mount: PreparedMount, run: Run): Promise<MountStatus> {
  const { options, context } = run;
  const { Mountpoint: mountpoint } = mount;
  const branch = mount.Branch === '' ? '' : `@${mount.Branch}`;
  const dot = `${mount.Namespace}/${mount.Name}${branch}.${mount.Subdot}`;
  try {
    if (mount.Fault !== '' || mount.Path === '')
      throw new Error(mount.Fault || 'it is not on the pool any more');
    // Again: the data of an outer dot has appeared meanwhile, and with it this mountpoint.
    await closeIfPossible(mountpoint, run);
    const how = await expose(options.poolName, mount, context.adapters);
    if (how === 'mounted') context.tell(`${dot} is mounted at ${mountpoint} again.`);
    const message = await unseenOutside(mountpoint);
    if (message !== '') context.log.warn(message);
    return { mountpoint, dot, state: 'mounted', message };
  } catch (error) {
    const { message } = asDmError(error);
    context.log.warn(`${dot} is not mounted at ${mountpoint}: ${message}`);
    return { mountpoint, dot, state: 'failed', message };
  }
}

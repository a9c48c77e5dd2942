/**
 * Mounting and unmounting with mount(8) and umount(8), one at a time on the machine: zfs-fuse hangs for good when
 * several mounts meet, and a lock in one process would not know of the other processes.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { dirname } from 'node:path';
import { DmError, isDmError } from '../lib/errors.ts';
import { makePrivateDirectory } from './files.ts';
import { withLock } from './lock.ts';
import { mountsAt } from './mount-table.ts';
import { run } from './run.ts';
import { usersOf } from './users.ts';

export { type Mount, mountsAt, mountTable, pathInWhole } from './mount-table.ts';

/** In the run directory of the programs (model/layout.ts): all of them, on one machine, meet at this file. */
const MOUNT_LOCK = '/run/dotmesh/mount.lock';
/** Where a mount is staged for a moment, under the lock. */
const STAGE = '/run/dotmesh/.stage';
const LOCK_WAIT_MS = 60_000;
const MOUNT_MS = 30_000;

const inside = new AsyncLocalStorage<true>();

/**
 * Runs `fn` while nobody else on the machine mounts; within `fn` it can be called again.
 *
 * @throws DmError locked/LOCKED after 60 s
 */
export async function withMountLock<T>(fn: () => Promise<T>): Promise<T> {
  if (inside.getStore()) return fn();
  await makePrivateDirectory(dirname(MOUNT_LOCK));
  return withLock(MOUNT_LOCK, { waitMs: LOCK_WAIT_MS }, () => inside.run(true, fn));
}

/**
 * Makes the directory or file `source` appear at `target` as well. Both have to be there.
 *
 * @throws DmError mount/MOUNT_FAILED with the words of mount(8); timeout/COMMAND_TIMED_OUT; locked/LOCKED
 */
export async function bindMount(source: string, target: string): Promise<void> {
  await withMountLock(() => mount(['--bind'], source, target));
}

/**
 * The same, in a peer group of its own: what is mounted over it later appears in every bind of it, in other mount
 * namespaces too, and not at `source` (mount_namespaces(7): a bind of a shared mount becomes its peer; one of a private
 * mount does not). So `source` is staged as a private mount first. A stage that a cut left goes.
 *
 * @throws what bindMount throws; DmError mount/UNMOUNT_FAILED
 */
export async function bindApart(source: string, target: string): Promise<void> {
  await withMountLock(async () => {
    await makePrivateDirectory(STAGE);
    await unmountAll(STAGE);
    try {
      await mount(['-o', 'bind,private'], source, STAGE);
      await mount(['--bind'], STAGE, target);
    } finally {
      await unmountAll(STAGE);
    }
  });
}

async function unmountAll(target: string): Promise<void> {
  for (const _ of await mountsAt(target)) await unmount(target);
}

async function mount(how: readonly string[], source: string, target: string): Promise<void> {
  try {
    await run(['mount', ...how, '--', source, target], { timeoutMs: MOUNT_MS });
  } catch (error) {
    if (!isDmError(error, 'COMMAND_FAILED')) throw error;
    const text = `${source} can not be mounted at ${target}: ${words(error)}`;
    throw new DmError('mount', 'MOUNT_FAILED', text, { data: { source, target }, cause: error });
  }
}

/**
 * Unmounts the topmost mount at `target`; nothing happens when nothing is mounted there. Never lazily: a mount
 * that only looks gone keeps its pool busy, and nobody can tell why.
 *
 * @throws DmError mount/UNMOUNT_BUSY (data.users: {pid, command}[]), mount/UNMOUNT_FAILED; timeout/COMMAND_TIMED_OUT;
 *   locked/LOCKED
 */
export async function unmount(target: string): Promise<void> {
  await withMountLock(async () => {
    const top = (await mountsAt(target)).at(-1);
    if (!top) return;
    try {
      await run(['umount', '--no-canonicalize', '--', top.mountpoint], { timeoutMs: MOUNT_MS });
    } catch (error) {
      if (!isDmError(error, 'COMMAND_FAILED')) throw error;
      if (!/busy/.test(words(error))) {
        throw new DmError('mount', 'UNMOUNT_FAILED', `${target} can not be unmounted: ${words(error)}`, {
          cause: error,
        });
      }
      throw await busy(target, error);
    }
  });
}

async function busy(target: string, cause: unknown): Promise<DmError> {
  const users = await usersOf(target, { scope: 'mount' });
  const who = users.map(user => `${user.command} (pid ${user.pid})`).join(', ');
  return new DmError('mount', 'UNMOUNT_BUSY', `${target} is in use${who && ` by ${who}`}.`, {
    hint: who
      ? 'Stop these programs and try again.'
      : 'See who uses it with "fuser -vm", stop them and try again.',
    data: { target, users },
    cause,
  });
}

function words(error: DmError): string {
  return String(error.data.stderr ?? '').trim() || error.message;
}

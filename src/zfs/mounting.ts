/**
 * Mounting and unmounting datasets, one at a time on the machine.
 *
 * The kernel's mount table is asked, not `zfs get mounted`: it answers whatever ZFS does, and it knows the bind
 * mounts too, which `zfs` does not. Both ZFS kinds show the dataset's name as the source of a mount.
 */

import { access } from 'node:fs/promises';
import { DmError, errno, isDmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { isEmptyDirectory } from '../system/files.ts';
import { type Mount, mountTable, withMountLock } from '../system/mounts.ts';
import { type User, usersOf } from '../system/processes.ts';
import { dataset } from './arguments.ts';
import { zfs } from './command.ts';
import type { Capabilities } from './index.ts';

/** After an unmount zfs-fuse needs some milliseconds, more on a loaded machine, until it lets go of the dataset. */
const SETTLE_MS = 5_000;

/** Mounts of datasets that this process sees: their own and the bind mounts of them. */
export async function zfsMounts(): Promise<Mount[]> {
  return (await mountTable()).filter(mount => /zfs/.test(mount.type));
}

/** Those of one dataset. */
export async function mountsOf(name: string): Promise<Mount[]> {
  return (await zfsMounts()).filter(mount => mount.source === name);
}

/** @throws DmError as the contract says: MOUNTPOINT_TAKEN, DATASET_MISSING, DATASET_BUSY… */
export async function mountDataset(name: string, capabilities: Capabilities): Promise<void> {
  await withMountLock(async () => {
    const mountpoint = await mountpointOf(name);
    const mounts = await mountsOf(name);
    if (mounts.some(mount => mount.root === '/' && mount.mountpoint === mountpoint)) return;
    // zfs-fuse answers "busy" as long as a bind mount holds the filesystem, and hangs for good when one insists.
    if (capabilities.userSpace && mounts.length > 0) throw await busyError(name);
    await refuseTaken(name, mountpoint);
    const mounted = await patiently(async () => {
      await zfs(['mount', name], name);
      return true;
    });
    if (!mounted) throw await busyError(name);
  });
}

async function mountpointOf(name: string): Promise<string> {
  return (await zfs(['get', '-H', '-p', '-o', 'value', 'mountpoint', dataset(name)], name)).stdout;
}

/** OpenZFS mounts over files (`overlay=on`) and hides them; zfs-fuse refuses. We refuse. */
async function refuseTaken(name: string, mountpoint: string): Promise<void> {
  if (!mountpoint.startsWith('/')) return; // `none`, `legacy`: zfs says it better.
  const there = (await mountTable()).some(mount => mount.mountpoint === mountpoint);
  if (!there && ((await isEmptyDirectory(mountpoint)) || !(await exists(mountpoint)))) return;
  const what = there ? 'something is mounted there' : 'there are files';
  throw new DmError('zfs', 'MOUNTPOINT_TAKEN', `${name} can not be mounted at ${mountpoint}: ${what}.`, {
    hint: 'Move away what is there and try again.',
    data: { dataset: name, mountpoint },
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    return errno(error) !== 'ENOENT';
  }
}

/** @throws DmError DATASET_BUSY with data.users */
export async function unmountDataset(name: string): Promise<void> {
  try {
    await tryUnmount(name);
  } catch (error) {
    throw isDmError(error, 'DATASET_BUSY') ? await busyError(name, error) : error;
  }
}

/** Like `unmountDataset`, without a search for the users: for whoever tries again. */
export async function tryUnmount(name: string): Promise<void> {
  if ((await mountsOf(name)).length === 0) return;
  await withMountLock(async () => {
    const mountpoint = await mountpointOf(name);
    const own = (await mountsOf(name)).find(mount => mount.root === '/' && mount.mountpoint === mountpoint);
    if (!own) return;
    await zfs(['unmount', name], name);
    await until(() => isReleased(own), { deadlineMs: SETTLE_MS });
  });
}

/** Whether the kernel has let go of the FUSE connection of a mount; true where there is none. */
async function isReleased(mount: Mount): Promise<boolean> {
  if (!mount.type.startsWith('fuse')) return true;
  if ((await mountTable()).some(other => other.device === mount.device)) return true; // Bind mounts hold it.
  return !(await exists(`/sys/fs/fuse/connections/${mount.device.split(':')[1]}/waiting`));
}

/** Tries until it is not refused as busy; undefined when it still is after 5 s. */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  return until(
    async () => {
      try {
        return await attempt();
      } catch (error) {
        if (isDmError(error, 'DATASET_BUSY')) return undefined;
        throw error;
      }
    },
    { deadlineMs: SETTLE_MS, everyMs: 50 },
  );
}

/** Who uses the dataset, as far as it can be seen: processes by any of its mounts, and the mounts themselves. */
export async function busyError(name: string, cause?: unknown): Promise<DmError> {
  const mounts = await mountsOf(name);
  const users: User[] = mounts[0] ? await usersOf(mounts[0].mountpoint) : [];
  const places = mounts.map(mount => mount.mountpoint);
  const who = users.map(user => `${user.command} (pid ${user.pid})`).join(', ');
  const by = who ? ` by ${who}` : places.length > 0 ? `, mounted at ${places.join(', ')}` : '';
  return new DmError('zfs', 'DATASET_BUSY', `${name} is in use${by}.`, {
    hint: 'Stop the programs that use it, unmount what is mounted from it, and try again.',
    data: { dataset: name, users, mounts: places },
    cause,
  });
}

/**
 * The files of a snapshot at a directory, read-only: the snapshot itself where this ZFS mounts snapshots, else a
 * read-only clone of it (zfs-fuse has neither such mounts nor `.zfs`).
 */

import { mkdir, rmdir } from 'node:fs/promises';
import { DmError, errno, isDmError } from '../lib/errors.ts';
import { unmount, withMountLock } from '../system/mounts.ts';
import { run } from '../system/run.ts';
import { dataset, options } from './arguments.ts';
import { zfs } from './command.ts';
import { listFilesystems } from './filesystems.ts';
import type { Capabilities, SnapshotMount } from './index.ts';
import { busyError, mountDataset, mountsOf, patiently, zfsMounts } from './mounting.ts';

const MOUNT_MS = 30_000;
/** OpenZFS mounts snapshots there by itself, and takes them away again. */
const AUTOMATIC = '/.zfs/snapshot/';

/** See `Zfs.mountSnapshot`. `destroy` is that of the driver. */
export async function mountSnapshot(
  { snapshot, mountpoint, clone }: SnapshotMount,
  capabilities: Capabilities,
): Promise<void> {
  await mkdir(mountpoint, { recursive: true, mode: 0o700 });
  if (capabilities.snapshotMounts) {
    await withMountLock(async () => {
      if ((await mountsOf(snapshot)).some(mount => mount.mountpoint === mountpoint)) return;
      await mountDirectly(dataset(snapshot), mountpoint);
    });
    return;
  }
  const properties = { readonly: 'on', canmount: 'noauto', mountpoint };
  try {
    // -p: the filesystem that all clones lie in is made with the first.
    await zfs(['clone', '-p', ...options('-o', properties), dataset(snapshot), dataset(clone)], snapshot);
  } catch (error) {
    if (!isDmError(error, 'DATASET_EXISTS')) throw error;
  }
  await mountDataset(clone, capabilities);
}

async function mountDirectly(snapshot: string, mountpoint: string): Promise<void> {
  try {
    await run(['mount', '-t', 'zfs', '-o', 'ro,noatime', '--', snapshot, mountpoint], {
      timeoutMs: MOUNT_MS,
    });
  } catch (error) {
    if (!isDmError(error, 'COMMAND_FAILED')) throw error;
    const words = String(error.data.stderr ?? '').trim();
    const code = /unable to open the dataset|does not exist|No such/i.test(words)
      ? 'DATASET_MISSING'
      : 'ZFS_FAILED';
    throw new DmError('zfs', code, `${snapshot} can not be mounted at ${mountpoint}: ${words}`, {
      cause: error,
    });
  }
}

/** See `Zfs.unmountSnapshot`. */
export async function unmountSnapshot(
  { snapshot, mountpoint, clone }: SnapshotMount,
  capabilities: Capabilities,
  destroy: (name: string) => Promise<void>,
): Promise<void> {
  if (capabilities.snapshotMounts) {
    const done = await patiently(async () => {
      if (!(await mountsOf(snapshot)).some(mount => mount.mountpoint === mountpoint)) return true;
      await unmount(mountpoint).catch(error => {
        throw isDmError(error, 'UNMOUNT_BUSY') ? new DmError('zfs', 'DATASET_BUSY', error.message) : error;
      });
      return true;
    });
    if (!done) throw await busyError(snapshot);
  } else {
    await destroy(clone).catch(error => {
      if (!isDmError(error, 'DATASET_MISSING')) throw error;
    });
  }
  await rmdir(mountpoint).catch(error => {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(errno(error) ?? '')) throw error;
  });
}

/** See `Zfs.snapshotMounts`. */
export async function snapshotMounts(
  root: string,
  clones: string,
  capabilities: Capabilities,
): Promise<SnapshotMount[]> {
  if (!capabilities.snapshotMounts) {
    const found = await listFilesystems(clones, capabilities);
    return found
      .filter(({ name }) => name !== clones)
      .map(({ name, origin = '', mountpoint }) => ({ snapshot: origin, mountpoint, clone: name }));
  }
  return (await zfsMounts())
    .filter(({ source, mountpoint }) => {
      return source.startsWith(`${root}/`) && source.includes('@') && !mountpoint.includes(AUTOMATIC);
    })
    .map(({ source, mountpoint }) => ({ snapshot: source, mountpoint, clone: '' }));
}

/**
 * Step 2: the dataset for etcd's data, the server's state and generated secrets, with room reserved for
 * deleting.
 */

import { chmod } from 'node:fs/promises';
import { DmError } from '../lib/errors.ts';
import { etcdDataset, etcdMountpoint, MOUNT_PREFIX } from '../model/layout.ts';
import { makePrivateDirectory } from '../system/files.ts';
import { mountsAt } from '../system/mounts.ts';
import type { Pool, Zfs } from '../zfs/index.ts';
import type { Adapters } from './context.ts';

/** Longer than a loaded disk takes to make a file. */
export const PROBE_MS = 20_000;

const RESERVATION = 256 * 2 ** 20;
const SMALL_POOL = 5 * 2 ** 30;
/**
 * etcd sets 64 MiB aside for its log when it starts afresh, and OpenZFS wants a tenth more for that. Nor does OpenZFS
 * let a change begin without 24 times the largest it could become: renaming a small file took more than 12 MiB (seen
 * with 2.1.11: ENOSPC with all of them free).
 */
const LEAST_RESERVATION = 80 * 2 ** 20;

/** Bytes to reserve on a pool of this size: 256 MiB; on pools under 5 GiB 5 %, but no less than 80 MiB. Pure. */
export function reservationFor(poolBytes: number): number {
  return poolBytes < SMALL_POOL ? Math.max(LEAST_RESERVATION, Math.floor(poolBytes * 0.05)) : RESERVATION;
}

/**
 * When an earlier run has left the pool's dataset mounted: whether its files answer. First of all, since whoever
 * touches a file of a ZFS that hangs may never end.
 *
 * @throws DmError zfs/ZFS_HUNG
 */
export async function probeStateDirectory(
  pool: string,
  { probeFiles }: Pick<Adapters, 'probeFiles'>,
): Promise<void> {
  const directory = etcdMountpoint(MOUNT_PREFIX, pool);
  if ((await mountsAt(directory)).length > 0) await probeFiles(directory, PROBE_MS);
}

/**
 * Makes the dataset when it is missing, mounts it in a private directory, and resolves to that directory. Nothing in
 * it is touched before `probe` has shown that its files answer.
 *
 * @throws DmError mount/STATE_NOT_MOUNTED when it is not visible there, and what Zfs and `probe` throw
 */
export async function ensureStateDirectory(
  pool: Pick<Pool, 'name' | 'sizeBytes'>,
  zfs: Zfs,
  probe: (directory: string) => Promise<void>,
  mountPrefix = MOUNT_PREFIX,
): Promise<string> {
  const dataset = etcdDataset(pool.name);
  const directory = etcdMountpoint(mountPrefix, pool.name);
  const [found] = await zfs.filesystems(dataset);
  const isMounted = found?.mounted && found.mountpoint === directory;
  if (!isMounted) await makePrivateDirectory(directory);
  if (!found) {
    const reservation = String(reservationFor(pool.sizeBytes));
    await zfs.create(dataset, { mountpoint: directory, reservation, atime: 'off' });
  } else if (found.mountpoint !== directory) await zfs.set(dataset, { mountpoint: directory });
  if (!isMounted) await zfs.mount(dataset);
  if ((await mountsAt(directory)).at(-1)?.source !== dataset) {
    throw new DmError(
      'mount',
      'STATE_NOT_MOUNTED',
      `${dataset} was mounted, but is not seen at ${directory}.`,
      {
        hint: 'Let dm-linuxkit run in the mount namespace in which ZFS mounts (not in a private one).',
      },
    );
  }
  await probe(directory);
  // A new filesystem's own root directory is open to all; what is in it is not for all.
  if (!isMounted) await chmod(directory, 0o700);
  return directory;
}

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

const RESERVATION = 256 * 2 ** 20;
const SMALL_POOL = 5 * 2 ** 30;
/**
 * Before it lets a change begin, OpenZFS asks for 24 times the largest it could become. Renaming a small file took more
 * than the 12 MiB that are 5 % of the smallest pool (seen with 2.1.11: ENOSPC with all of them free), and less than 25.
 */
const LEAST_RESERVATION = 32 * 2 ** 20;

/** Bytes to reserve on a pool of this size: 256 MiB; on pools under 5 GiB 5 %, but no less than 32 MiB. Pure. */
export function reservationFor(poolBytes: number): number {
  return poolBytes < SMALL_POOL ? Math.max(LEAST_RESERVATION, Math.floor(poolBytes * 0.05)) : RESERVATION;
}

/**
 * Makes the dataset when it is missing, mounts it in a private directory, and resolves to that directory.
 *
 * @throws DmError mount/STATE_NOT_MOUNTED when it is not visible there, and what Zfs throws
 */
export async function ensureStateDirectory(
  pool: Pick<Pool, 'name' | 'sizeBytes'>,
  zfs: Zfs,
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
  // A new filesystem's own root directory is open to all; what is in it is not for all.
  await chmod(directory, 0o700);
  return directory;
}

/** A filesystem of a dot mounted where it belongs. */

import { DmError } from '../lib/errors.ts';
import { type Context, rootOf } from './context.ts';
import { makePrivate } from './directories.ts';
import { type Entry, fullName } from './registry.ts';
import { isMountedAt } from './where-mounted.ts';

/**
 * Mounts it when it is not, and gives the path. Call it from the filesystem's queue.
 *
 * @throws DmError dot/DOT_DELETED, and of ZFS's
 */
export async function ensureMounted(context: Context, entry: Entry): Promise<string> {
  refuseDeleted(entry);
  const root = rootOf(context, entry.id);
  // The kernel's table is read in no time; asking ZFS starts a process, and waits for other mounts.
  if (entry.mountpoint === root && (await isMountedAt(entry.dataset, root))) return root;
  await makePrivate(root);
  if (entry.mountpoint !== root) {
    // A pool of the original, one that had another MOUNT_PREFIX, or a dataset that was renamed.
    await context.zfs.set(entry.dataset, { mountpoint: root });
    entry.mountpoint = root;
  }
  await context.zfs.mount(entry.dataset);
  return root;
}

/** @throws DmError dot/DOT_DELETED */
export function refuseDeleted(entry: Entry): void {
  if (!entry.deleting) return;
  const message = `The deletion of ${fullName(entry)} has begun: it can not be used.`;
  throw new DmError('dot', 'DOT_DELETED', message, {
    hint: 'Delete it once more, or start dotmesh-server again, which finishes it.',
  });
}

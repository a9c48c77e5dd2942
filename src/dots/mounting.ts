/** A filesystem of a dot mounted where it belongs. */

import { DmError } from '../lib/errors.ts';
import { type Context, rootOf } from './context.ts';
import { makePrivate } from './directories.ts';
import { type Entry, fullName } from './registry.ts';

/**
 * Mounts it when it is not, and gives the path. Call it from the filesystem's queue.
 *
 * @throws DmError dot/DOT_DELETED, and of ZFS's
 */
export async function ensureMounted(context: Context, entry: Entry): Promise<string> {
  if (entry.deleting) {
    throw new DmError(
      'dot',
      'DOT_DELETED',
      `The deletion of ${fullName(entry)} has begun: it can not be used.`,
      {
        hint: 'Delete it once more, or start dotmesh-server again, which finishes it.',
      },
    );
  }
  const root = rootOf(context, entry.id);
  await makePrivate(root);
  if (entry.mountpoint !== root) {
    // A pool of the original, one that had another MOUNT_PREFIX, or a dataset that was renamed.
    await context.zfs.set(entry.dataset, { mountpoint: root });
    entry.mountpoint = root;
  }
  await context.zfs.mount(entry.dataset);
  return root;
}

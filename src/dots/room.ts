/**
 * A little of the pool is kept back, so that what makes room still works when there is none: zfs-fuse has no slop for a
 * rollback or for a mark that a deletion has begun. Giving a reservation up takes no space.
 */

import { isDmError } from '../lib/errors.ts';
import { dotsRoot } from '../model/layout.ts';
import type { Zfs } from '../zfs/index.ts';

const KEPT_BACK = '2M';

/** For whoever creates the root of all dots. */
export const ROOM = { refreservation: KEPT_BACK };

/** `work`, and once more with what was kept back when there was no space. */
export async function withRoom<T>(
  { zfs, pool }: { zfs: Zfs; pool: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDmError(error, 'NO_SPACE')) throw error;
    await zfs.set(dotsRoot(pool), { refreservation: 'none' });
    try {
      return await work();
    } finally {
      // While there is no room for it, there is none; the next who makes room keeps some.
      await zfs.set(dotsRoot(pool), ROOM).catch(failure => {
        if (!isDmError(failure, 'NO_SPACE')) throw failure;
      });
    }
  }
}

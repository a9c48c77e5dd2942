/** An empty read-only tmpfs over a directory: closes it where the immutable attribute is not to be had. */

import { DmError, isDmError } from '../lib/errors.ts';
import type { Mount } from './mount-table.ts';
import { withMountLock } from './mounts.ts';
import { run } from './run.ts';

/** Source of the mount, by which it is known again, whichever run made it. */
export const COVER_SOURCE = 'dm-linuxkit-guard';
const MOUNT_MS = 30_000;

/** Pure. */
export function isCover({ source, type }: Pick<Mount, 'source' | 'type'>): boolean {
  return type === 'tmpfs' && source === COVER_SOURCE;
}

/** `system/mounts` takes it away again. @throws DmError mount/MOUNT_FAILED, timeout/COMMAND_TIMED_OUT, locked/LOCKED */
export async function coverReadOnly(directory: string): Promise<void> {
  const options = 'ro,nosuid,nodev,noexec,size=4k,nr_inodes=2,mode=0755';
  await withMountLock(async () => {
    try {
      await run(['mount', '-t', 'tmpfs', '-o', options, COVER_SOURCE, directory], { timeoutMs: MOUNT_MS });
    } catch (error) {
      if (!isDmError(error, 'COMMAND_FAILED')) throw error;
      const words = String(error.data.stderr ?? '').trim() || error.message;
      throw new DmError('mount', 'MOUNT_FAILED', `${directory} can not be covered: ${words}`, {
        cause: error,
      });
    }
  });
}

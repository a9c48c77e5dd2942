/**
 * A ZFS may hang in its files while its commands answer (zfs-fuse does when it wedges). So a file operation is
 * tried, in a child: whatever touches such a file can not be killed, and must not be us.
 */

import { join } from 'node:path';
import { DmError, isDmError } from '../lib/errors.ts';
import { run } from '../system/run.ts';

/**
 * Creates and removes a file in `directory` with mktemp(1) and rm(1). A refusal (read-only, full, no such
 * directory) is an answer, too.
 *
 * @throws DmError zfs/ZFS_HUNG after `deadlineMs`
 */
export async function probeFiles(directory: string, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  const left = () => Math.max(1, end - performance.now());
  try {
    const made = await run(['mktemp', join(directory, '.dm-probe.XXXXXXXXXX')], { timeoutMs: left() });
    await run(['rm', '-f', '--', made.stdout], { timeoutMs: left() });
  } catch (error) {
    if (isDmError(error, 'COMMAND_FAILED')) return;
    if (!isDmError(error, 'COMMAND_TIMED_OUT')) throw error;
    throw new DmError('zfs', 'ZFS_HUNG', `ZFS hangs: no file operation in ${directory} ends.`, {
      hint: 'Its commands may still answer. Restart zfs-fuse, or the machine.',
      data: { directory },
      cause: error,
    });
  }
}

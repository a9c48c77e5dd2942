/** A filesystem copied with its snapshots: send and receive on one machine. */

import { asDmError } from '../lib/errors.ts';
import { pipe } from '../system/pipe.ts';
import { dataset } from './arguments.ts';
import { zfsError } from './errors.ts';
import type { Capabilities } from './index.ts';

/** As long as it takes to copy a large disk. */
const COPY_MS = 24 * 3_600_000;

/**
 * See `Zfs.copy`. Without `-R` and `-p`: no property travels, so the copy gets only those that we give it, and nothing
 * is mounted on the way.
 */
export async function copyFilesystem(
  source: string,
  { first, last }: { first: string; last: string },
  target: string,
  { userSpace }: Capabilities,
): Promise<void> {
  const receive = ['zfs', 'recv', ...(userSpace ? [] : ['-u']), dataset(target)];
  const send = async (...args: string[]) => {
    try {
      await pipe(['zfs', 'send', ...args], receive, { timeoutMs: COPY_MS });
    } catch (error) {
      throw zfsError(asDmError(error), source);
    }
  };
  await send(dataset(`${source}@${first}`));
  if (last !== first) await send('-I', dataset(`${source}@${first}`), dataset(`${source}@${last}`));
}

/**
 * A ZFS may hang in its files while its commands answer (zfs-fuse does when it wedges): what touches a file of a dot
 * then never ends. It is left behind after a while, so that the caller hears of it.
 */

import { DmError } from '../lib/errors.ts';

/** Longer than a loaded disk takes for a directory, shorter than a client waits. */
const ANSWER_MS = 20_000;

/** `action` with a deadline. @throws DmError zfs/ZFS_HUNG */
export function bounded<A extends unknown[], R>(
  action: (...args: A) => Promise<R>,
  answerMs = ANSWER_MS,
): (...args: A) => Promise<R> {
  return (...args) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(hung(answerMs)), answerMs);
      action(...args)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
}

function hung(answerMs: number): DmError {
  return new DmError(
    'zfs',
    'ZFS_HUNG',
    `ZFS hangs: a file of the pool gave no answer within ${answerMs / 1000} s.`,
    {
      hint: 'Its commands may still answer. Restart zfs-fuse, or the machine.',
    },
  );
}

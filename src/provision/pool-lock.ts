/**
 * One dm-linuxkit at a time on a pool; a daemon that serves does not hold the lock, so that others can use
 * it.
 */

import { dirname } from 'node:path';
import { DmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { RUN_DIRECTORY } from '../model/layout.ts';
import { makePrivateDirectory } from '../system/files.ts';
import { takeLock } from '../system/lock.ts';
import { isAlive } from '../system/processes.ts';
import { abortable, type Clock, type Context, withClient } from './context.ts';
import { liveRunFile, type RunFile, type RunPaths } from './run-files.ts';
import { answersPing } from './server-service.ts';

/**
 * Runs `work` under the pool's lock, waiting for another dm-linuxkit as long as the clock allows.
 *
 * @throws DmError locked/LOCKED
 */
export async function withPoolLock<T>(
  paths: RunPaths,
  context: Context,
  clock: Clock,
  work: () => Promise<T>,
): Promise<T> {
  await makePrivateDirectory(RUN_DIRECTORY);
  await makePrivateDirectory(dirname(paths.lock));
  const lock = await abortable(
    takeLock(paths.lock, {
      waitMs: clock.remainingMs(),
      onWait: holder =>
        context.tell(`Waiting for another dm-linuxkit on this pool${holder === '' ? '' : `: ${holder}`}.`),
    }),
    // Its own deadline says who holds it, which the clock could not.
    context.interrupted,
  );
  try {
    // Under the lock, since "dm-linuxkit stop" removes it.
    await makePrivateDirectory(paths.directory);
    return await work();
  } finally {
    await lock.release();
  }
}

/** The daemon that serves this pool; one that is about to end is waited for, and is none then. */
export async function servingDaemon(paths: RunPaths, clock: Clock): Promise<RunFile | undefined> {
  const daemon = await liveRunFile(paths.daemon);
  if (daemon?.state !== 'stopping') return daemon;
  await until(() => !isAlive(daemon), { deadlineMs: clock.remainingMs(), signal: clock.signal });
  return liveRunFile(paths.daemon);
}

/**
 * After leftovers were ended: a server that answers all the same is one whose process we can not see. To start a
 * second etcd on its data would be the end of both.
 *
 * @throws DmError locked/SERVER_ELSEWHERE
 */
export async function refuseServerElsewhere(paths: RunPaths, context: Context, clock: Clock): Promise<void> {
  if (!(await withClient(context, paths.serverSocket, clock, answersPing))) return;
  throw new DmError('locked', 'SERVER_ELSEWHERE', 'A server that is not seen here serves this pool.', {
    hint: 'It most likely runs in a container; give that one and this one the pid namespace of the host.',
    data: { socket: paths.serverSocket },
  });
}

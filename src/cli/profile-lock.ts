/**
 * One dm at a time changes a configuration: a file beside it, made with O_EXCL, says who.
 *
 * The holder only reads and writes one small file, so a lock whose holder has gone, or that is older than
 * STALE_MS, was left by a kill or a power cut and is taken away. Taking away is done by renaming: of two
 * processes that find the same stale lock one gets it, and what it got is looked at again, in case it was a
 * fresh one. (The remaining window needs three processes within microseconds, and then costs one of two
 * changes, never the file: that is replaced as a whole.)
 */

import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { DmError, errno } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';

/** Milliseconds after which a lock is stale whoever holds it. */
const STALE_MS = 30_000;
/** Milliseconds that we wait: longer, so that a stale lock is never a failure. */
const WAIT_MS = 40_000;

/**
 * Runs `work` while holding the lock of `path` (the file `path.lock`).
 *
 * @throws DmError locked/CONFIG_LOCKED, usage/CONFIG_UNWRITABLE, and what `work` throws
 */
export async function withProfileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const token = JSON.stringify({ pid: process.pid, host: hostname(), nonce: randomBytes(8).toString('hex') });
  const tryIt = async () => {
    if (await take(lock, token)) return true;
    await takeAwayStale(lock);
    return false;
  };
  const held = await until(tryIt, { deadlineMs: WAIT_MS, everyMs: 15 });
  if (!held) {
    throw new DmError('locked', 'CONFIG_LOCKED', `Another dm is changing ${path} and does not finish.`, {
      hint: `If none runs, remove ${lock}.`,
    });
  }
  try {
    return await work();
  } finally {
    if ((await textOf(lock)) === token) await rm(lock, { force: true });
  }
}

/** Whether it is ours now. */
async function take(lock: string, token: string): Promise<boolean> {
  try {
    await writeFile(lock, token, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    if (errno(error) === 'ENOSPC') await rm(lock, { force: true });
    throw new DmError(
      'usage',
      'CONFIG_UNWRITABLE',
      `The file ${lock} can not be written (${errno(error)}).`,
      {
        cause: error,
      },
    );
  }
}

async function takeAwayStale(lock: string): Promise<void> {
  const seen = await textOf(lock);
  if (seen === undefined || !(holderHasGone(seen) || (await isOld(lock)))) return;
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if (errno(error) === 'ENOENT') return;
    throw error;
  }
  const got = await textOf(aside);
  if (got !== undefined && got !== seen)
    await writeFile(lock, got, { flag: 'wx', mode: 0o600 }).catch(() => {});
  await rm(aside, { force: true });
}

/** Only a holder on this machine can be asked for. */
function holderHasGone(text: string): boolean {
  try {
    const { pid, host } = JSON.parse(text) as { pid: number; host: string };
    if (host !== hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errno(error) === 'ESRCH';
  }
}

async function isOld(lock: string): Promise<boolean> {
  const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
  return Math.abs(Date.now() - mtimeMs) > STALE_MS;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

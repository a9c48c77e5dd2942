/**
 * Until its dot is mounted, nobody writes into a mountpoint: LinuxKit goes on when a boot step fails, and an
 * application that found an empty directory would begin anew there. The directory becomes immutable, else an empty
 * read-only tmpfs covers it. Mode bits would not stop root. What is immutable stays so below the mount.
 */

import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asDmError, errno, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { printable } from '../model/names.ts';
import { coverReadOnly, isCover } from '../system/cover.ts';
import { isImmutable, setImmutable } from '../system/immutable.ts';
import { mountsAt, mountTable, unmount, withMountLock } from '../system/mounts.ts';
import { mountOfPath } from '../system/users.ts';
import { changeGuards } from './guard-record.ts';
import { clearGuardsBelow, GUARD_MODE } from './guard-tree.ts';
import { type Found, findAt, resolvedMountpoint } from './mountpoint.ts';
import type { RunPaths } from './run-files.ts';

/** `clear`: it may hold nothing but what was closed for mountpoints further in. */
export type GuardVerdict = 'make' | 'close' | 'clear' | 'is closed' | 'leave';

/** Pure. What a run will refuse anyway, and what is mounted already, is left as it is. */
export function guardVerdict(found: Found): GuardVerdict {
  switch (found.what) {
    case 'absent':
      return 'make';
    case 'empty':
      return 'close';
    case 'files':
      return 'clear';
    case 'covered':
      return 'is closed';
    default:
      return 'leave';
  }
}

/**
 * Closes a mountpoint as long as its dot is not mounted; makes it when it is not there. Never throws: that it could
 * not be closed is a warning, and whatever hinders the mount will be said by the steps that come.
 *
 * @returns whether the directory is closed now
 */
export async function closeMountpoint(
  mountpoint: string,
  paths: Pick<RunPaths, 'guards'>,
  log: Log,
): Promise<boolean> {
  try {
    const path = await resolvedMountpoint(mountpoint);
    return await withMountLock(() => close(path, paths));
  } catch (error) {
    // A mountpoint that can not be one: the run is about to refuse it in the same words.
    if (isDmError(error, 'BAD_MOUNTPOINT') || isDmError(error, 'MOUNTPOINT_UNUSABLE')) return false;
    const reason = asDmError(error).message;
    log.warn(`${printable(mountpoint)} stays open to writers until its dot is mounted: ${reason}`);
    return false;
  }
}

async function close(path: string, paths: Pick<RunPaths, 'guards'>): Promise<boolean> {
  const verdict = guardVerdict(await findAt(path));
  if (verdict === 'leave' || (verdict === 'clear' && !(await clearGuardsBelow(path)))) return false;
  // First the record: what is closed without one would stay closed after "dm-linuxkit stop".
  await changeGuards(paths, directories => directories.add(path));
  if (verdict === 'is closed') {
    await finishAbove(path);
    return true;
  }
  const inDot = await liesInDot(path);
  const above = verdict === 'make' ? await makeDirectory(path, inDot) : [];
  if (above === 'closed above') return true;
  // In the data of another dot no attribute is left that would be committed with it.
  if (inDot || !((await isImmutable(path)) || (await setImmutable(path, true)))) await coverReadOnly(path);
  for (const directory of above) await chmod(directory, 0o755);
  await finishAbove(path);
  return true;
}

/**
 * Makes the directory and what is missing above it, each recognisable as ours until the last is closed.
 *
 * @returns the directories above that were made, outermost first; 'closed above' when nobody can make anything there
 *   since a directory above is closed itself, until its own dot is mounted
 */
async function makeDirectory(path: string, inDot: boolean): Promise<string[] | 'closed above'> {
  const missing: string[] = [];
  let at = path;
  for (; !(await isThere(at)); at = dirname(at)) missing.unshift(at);
  if (await isClosed(at)) return 'closed above';
  for (const directory of missing) await mkdir(directory, { mode: inDot ? 0o755 : GUARD_MODE });
  return inDot ? [] : missing.slice(0, -1);
}

/** Directories above that a run made and was cut off before it opened them to everybody. */
async function finishAbove(path: string): Promise<void> {
  for (
    let at = dirname(path);
    at !== '/' && ((await lstat(at)).mode & 0o7777) === GUARD_MODE;
    at = dirname(at)
  )
    await chmod(at, 0o755);
}

/** Whether a directory is closed by the attribute or by a cover. */
export async function isClosed(directory: string): Promise<boolean> {
  const mount = (await mountsAt(directory)).at(-1);
  return mount ? isCover(mount) : isImmutable(directory);
}

async function liesInDot(path: string): Promise<boolean> {
  const source = mountOfPath(path, await mountTable())?.source ?? '';
  // Of any pool: another's daemon may commit there. A machine whose own root lies on ZFS is no dot.
  return /^[^/]+\/dmfs\//.test(source);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errno(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Takes the covers away: they would keep busy what they lie in. When one is in use itself, all are as they were.
 *
 * @returns those that were there
 * @throws DmError mount/UNMOUNT_BUSY
 */
export async function liftCovers(directories: readonly string[]): Promise<string[]> {
  return withMountLock(async () => {
    const lifted: string[] = [];
    for (const directory of [...directories].reverse()) {
      const mount = (await mountsAt(directory)).at(-1);
      if (!mount || !isCover(mount)) continue;
      try {
        await unmount(directory);
        lifted.push(directory);
      } catch (error) {
        await layCovers(lifted);
        throw error;
      }
    }
    return lifted;
  });
}

/** Best effort, after another error: those that were lifted lie there again. */
export async function layCovers(directories: readonly string[]): Promise<void> {
  for (const directory of directories) await coverReadOnly(directory).catch(() => undefined);
}

/**
 * Opens what was closed, inner ones first; what shows a mount is left alone.
 *
 * @returns what is closed still
 */
export async function openMountpoints(directories: readonly string[], log: Log): Promise<string[]> {
  await liftCovers(directories);
  const closed: string[] = [];
  for (const directory of [...directories].reverse()) {
    try {
      if (!(await open(directory))) closed.push(directory);
    } catch (error) {
      closed.push(directory);
      log.warn(`${printable(directory)} stays closed: ${asDmError(error).message}`);
    }
  }
  return closed;
}

async function open(directory: string): Promise<boolean> {
  if ((await mountsAt(directory)).length > 0) return false;
  if (!(await isThere(directory))) return true;
  if ((await isImmutable(directory)) && !(await setImmutable(directory, false)))
    throw new Error('"chattr -i" is refused');
  if (((await lstat(directory)).mode & 0o7777) === GUARD_MODE) await chmod(directory, 0o755);
  return true;
}

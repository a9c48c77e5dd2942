/**
 * Until its dot is mounted, nobody writes into a mountpoint: LinuxKit goes on when a boot step fails, and an
 * application that found an empty directory would begin anew there. The directory becomes immutable, else an empty
 * read-only tmpfs covers it. Mode bits would not stop root. What is immutable stays so below the mount.
 */

import { chmod, lstat, mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asDmError, DmError, errno, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { printable } from '../model/names.ts';
import { coverReadOnly, isCover } from '../system/cover.ts';
import { isImmutable, setImmutable } from '../system/immutable.ts';
import { mountsAt, mountTable, unmount, withMountLock } from '../system/mounts.ts';
import type { ProcessId } from '../system/processes.ts';
import { mountOfPath } from '../system/users.ts';
import { addGuard, changeGuards } from './guard-record.ts';
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
 * Closes a mountpoint as long as its dot is not mounted; makes it when it is not there. What the steps that come will
 * refuse in their own words, and a directory that is not there and can not be made, is left as it is.
 *
 * @param holder who wants it closed: `dm-linuxkit stop` leaves it so as long as that process lives
 * @returns whether the directory is closed now
 * @throws DmError MOUNTPOINT_OPEN of kind mount, timeout or locked: it is there, or could be made, and every program
 *   may write into it
 */
export async function closeMountpoint(
  mountpoint: string,
  paths: Pick<RunPaths, 'guards'>,
  holder?: ProcessId,
): Promise<boolean> {
  try {
    const path = await resolvedMountpoint(mountpoint);
    return await withMountLock(() => close(path, paths, holder));
  } catch (error) {
    if (isDmError(error, 'BAD_MOUNTPOINT') || isDmError(error, 'MOUNTPOINT_UNUSABLE')) return false;
    throw staysOpen(mountpoint, error);
  }
}

function staysOpen(mountpoint: string, cause: unknown): DmError {
  const { kind, message } = asDmError(cause);
  const text = `${printable(mountpoint)} can not be closed to writers until its dot is mounted: ${message}`;
  return new DmError(kind === 'timeout' || kind === 'locked' ? kind : 'mount', 'MOUNTPOINT_OPEN', text, {
    hint: 'It takes CAP_LINUX_IMMUTABLE, for "chattr +i", or CAP_SYS_ADMIN, to mount, which the dot needs anyway.',
    cause,
  });
}

async function close(
  path: string,
  paths: Pick<RunPaths, 'guards'>,
  holder: ProcessId | undefined,
): Promise<boolean> {
  const verdict = guardVerdict(await findAt(path));
  if (verdict === 'leave' || (verdict === 'clear' && !(await clearGuardsBelow(path)))) return false;
  // First the record: what is closed without one would stay closed after "dm-linuxkit stop".
  await changeGuards(paths, guards => addGuard(guards, path, holder));
  if (verdict === 'is closed') {
    await finishAbove(path);
    return true;
  }
  const inDot = await liesInDot(path);
  const made = verdict === 'make' ? await makeDirectory(path, inDot) : [];
  if (made === 'closed above') return true;
  try {
    // In the data of another dot no attribute is left that would be committed with it.
    if (inDot || !((await isImmutable(path)) || (await setImmutable(path, true)))) await coverReadOnly(path);
  } catch (error) {
    // Where nothing is, no program begins anew.
    await removeDirectories(made);
    throw error;
  }
  if (!inDot) for (const directory of made.slice(0, -1)) await chmod(directory, 0o755);
  await finishAbove(path);
  return true;
}

/**
 * Makes the directory and what is missing above it, each recognisable as ours until the last is closed.
 *
 * @returns the directories that were made, outermost first; 'closed above' when nobody can make anything there since a
 *   directory above is closed itself, until its own dot is mounted
 * @throws DmError mount/MOUNTPOINT_UNUSABLE when it can not be made; then nothing is there
 */
async function makeDirectory(path: string, inDot: boolean): Promise<string[] | 'closed above'> {
  const missing: string[] = [];
  let at = path;
  for (; !(await isThere(at)); at = dirname(at)) missing.unshift(at);
  if (await isClosed(at)) return 'closed above';
  const made: string[] = [];
  try {
    for (const directory of missing) {
      await mkdir(directory, { mode: inDot ? 0o755 : GUARD_MODE });
      made.push(directory);
    }
  } catch (cause) {
    await removeDirectories(made);
    const text = `The mountpoint ${printable(path)} can not be made: ${asDmError(cause).message}`;
    throw new DmError('mount', 'MOUNTPOINT_UNUSABLE', text, { cause });
  }
  return made;
}

/** Inner ones first; what holds something by now stays. */
async function removeDirectories(directories: readonly string[]): Promise<void> {
  for (const directory of directories.toReversed()) await rmdir(directory).catch(() => undefined);
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

/**
 * Directories in a mounted dot and links to them. What lies in a dot is data of strangers: no link in it is
 * followed. What touches them has a deadline (bounded.ts).
 */

import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rmdir,
  stat,
  symlink,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DmError, errno } from '../lib/errors.ts';
import { bounded } from './bounded.ts';

/** A missing one is not followed by an error: what is gone is what was asked for. */
const ignoring =
  (...codes: string[]) =>
  (error: unknown) => {
    if (!codes.includes(errno(error) ?? '')) throw error;
    return undefined;
  };

/** For prefixes and namespaces: §4.3. */
export const makePrivate = bounded(async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 });
});

/** Who shall own a directory and with which mode; undefined leaves what is. */
export interface Ownership {
  uid: number | undefined;
  gid: number | undefined;
  mode: number | undefined;
}

export const ANYBODY: Ownership = { uid: undefined, gid: undefined, mode: undefined };
const OPEN_MODE = 0o777;

/**
 * Makes `subdot` a directory of the dot mounted at `root`; true when this call did. Made aside and renamed
 * when owner and mode are right, so that a power cut leaves none with a wrong owner under the real name.
 *
 * @throws DmError dot/SUBDOT_NOT_DIRECTORY when a file or a link has the name
 */
export const makeSubdot = bounded(
  async (root: string, subdot: string, ownership: Ownership): Promise<boolean> => {
    const path = join(root, subdot);
    if (await isSubdot(root, subdot)) return false;
    const aside = join(root, `.dm-new-${subdot}`);
    await rmdir(aside).catch(ignoring('ENOENT'));
    await mkdir(aside);
    await own(aside, { ...ownership, mode: ownership.mode ?? OPEN_MODE });
    await rename(aside, path);
    return true;
  },
);

/** Whether the subdot's directory is there. @throws DmError dot/SUBDOT_NOT_DIRECTORY */
export const isSubdot = bounded(async (root: string, subdot: string): Promise<boolean> => {
  const found = await lstat(join(root, subdot)).catch(ignoring('ENOENT'));
  if (!found) return false;
  if (found.isDirectory()) return true;
  const message = `"${subdot}" in the dot is no directory, and is not followed out of it.`;
  throw new DmError('dot', 'SUBDOT_NOT_DIRECTORY', message, {
    hint: 'Rename or remove it, or use another subdot.',
  });
});

/** Owner first: chown takes set-id bits away again. */
export const own = bounded(async (path: string, { uid, gid, mode }: Ownership): Promise<void> => {
  if (uid !== undefined) await chown(path, uid, gid ?? (await lstat(path)).gid);
  if (mode !== undefined) await chmod(path, mode);
});

/** Names of the directories at a dot's root. */
export const listSubdots = bounded(async (root: string): Promise<string[]> => {
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter(entry => entry.isDirectory()).map(({ name }) => name);
});

export const isEmpty = bounded(async (path: string): Promise<boolean> => {
  return (await readdir(path)).length === 0;
});

/**
 * The symlink under which containers see a dot: §4.3. One that leads to a directory stays (a checkout may
 * have moved it), unless `isStale` knows better; one that leads nowhere is made anew, in one step.
 *
 * @throws DmError mount/NOT_A_SYMLINK in the original's words
 */
export const linkDot = bounded(
  async (link: string, target: string, isStale: (target: string) => boolean): Promise<void> => {
    await makePrivate(dirname(link));
    const found = await lstat(link).catch(ignoring('ENOENT'));
    if (found && !found.isSymbolicLink()) {
      const what = found.isDirectory() ? 'a directory' : 'a file';
      const message = `mountpoint ${link} contains something other than a symlink: ${what}`;
      throw new DmError('mount', 'NOT_A_SYMLINK', message);
    }
    if (found) {
      const leads = await readlink(link);
      const exists = await stat(link).catch(ignoring('ENOENT', 'ELOOP', 'ENOTDIR'));
      if (exists && !isStale(leads)) return;
    }
    const aside = join(dirname(link), `.new-${basename(link)}`);
    await unlink(aside).catch(ignoring('ENOENT'));
    await symlink(target, aside);
    await rename(aside, link);
  },
);

/** Gives a link another name; what is no link, and a link that is not there, stays. */
export const moveLink = bounded(async (from: string, to: string): Promise<void> => {
  if (!(await lstat(from).catch(ignoring('ENOENT', 'ENOTDIR')))?.isSymbolicLink()) return;
  await makePrivate(dirname(to));
  const taken = await lstat(to).catch(ignoring('ENOENT'));
  if (!taken || taken.isSymbolicLink()) await rename(from, to);
});

/** The owner and mode of each of these subdots that is a directory. */
export const ownershipsOf = bounded(
  async (root: string, subdots: readonly string[]): Promise<Map<string, Ownership>> => {
    const found = new Map<string, Ownership>();
    for (const subdot of subdots) {
      const there = await lstat(join(root, subdot)).catch(ignoring('ENOENT'));
      if (there?.isDirectory()) {
        found.set(subdot, { uid: there.uid, gid: there.gid, mode: there.mode & 0o7777 });
      }
    }
    return found;
  },
);

/**
 * Which of these subdots a commit does not have, seen through ZFS's own directory of snapshots; undefined where it has
 * none.
 */
export const missingIn = bounded(
  async (root: string, commit: string, subdots: readonly string[]): Promise<string[] | undefined> => {
    const snapshot = join(root, '.zfs', 'snapshot', commit);
    if ((await readdir(snapshot).catch(() => [])).length === 0) return undefined;
    const missing: string[] = [];
    for (const subdot of subdots) {
      const found = await lstat(join(snapshot, subdot)).catch(ignoring('ENOENT'));
      if (!found?.isDirectory()) missing.push(subdot);
    }
    return missing;
  },
);

/** Removes the link when it leads to one of `targets`. */
export const unlinkDot = bounded(async (link: string, targets: readonly string[]): Promise<void> => {
  const leads = await readlink(link).catch(ignoring('ENOENT', 'EINVAL', 'ENOTDIR'));
  if (leads !== undefined && targets.includes(leads)) await unlink(link).catch(ignoring('ENOENT'));
});

/** Removes an empty directory; one that holds files, or is a mountpoint, stays. */
export const removeEmpty = bounded(async (path: string): Promise<void> => {
  await rmdir(path).catch(ignoring('ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'));
});

/** An error of a file operation in a dot: a full pool or quota has ZFS's code for it. */
export function asSpaceError(error: unknown): unknown {
  if (!['ENOSPC', 'EDQUOT'].includes(errno(error) ?? '')) return error;
  return new DmError('zfs', 'NO_SPACE', 'The pool, or a quota on it, has no space left.', { cause: error });
}

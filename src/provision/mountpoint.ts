/** What is at a mountpoint, and whether a dot may appear there. */

import { lstat, readdir, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DmError, errno } from '../lib/errors.ts';
import { dotsRoot } from '../model/layout.ts';
import { printable, ROOT_SUBDOT } from '../model/names.ts';
import { isCover } from '../system/cover.ts';
import { type Mount, mountsAt } from '../system/mounts.ts';
import { checkedMountpoint } from './options.ts';

export type Found =
  | { what: 'absent' | 'empty' | 'files' | 'link' | 'no-directory' }
  /** By the empty tmpfs that closes it until the dot is mounted (guard.ts). */
  | { what: 'covered' }
  | { what: 'mount'; mount: Pick<Mount, 'source' | 'root' | 'type'> };

/**
 * What shall appear there; without `dataset` (not known before the server is up) any dot of the pool
 * passes.
 */
export interface Wanted {
  pool: string;
  dataset?: string;
  subdot: string;
}

/** Looks at the mount table first: a mounted filesystem that hangs is not touched. */
export async function findAt(mountpoint: string): Promise<Found> {
  const mount = (await mountsAt(mountpoint)).at(-1);
  if (mount) return isCover(mount) ? { what: 'covered' } : { what: 'mount', mount };
  const stats = await lstat(mountpoint).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    const reason =
      errno(error) === 'ENOTDIR' ? 'something above it is a file' : (errno(error) ?? String(error));
    throw refuse('MOUNTPOINT_UNUSABLE', mountpoint, `can not be used: ${reason}`);
  });
  if (!stats) return { what: 'absent' };
  if (stats.isSymbolicLink()) return { what: 'link' };
  if (!stats.isDirectory()) return { what: 'no-directory' };
  return { what: (await readdir(mountpoint)).length === 0 ? 'empty' : 'files' };
}

/**
 * Whether to mount, or whether it is mounted already. Pure.
 *
 * @throws DmError mount/MOUNTPOINT_NOT_EMPTY, MOUNTPOINT_TAKEN, MOUNTPOINT_IS_LINK, MOUNTPOINT_NO_DIRECTORY
 */
export function mountVerdict(
  mountpoint: string,
  found: Found,
  wanted: Wanted,
): 'make-and-mount' | 'mount' | 'keep' {
  switch (found.what) {
    case 'absent':
      return 'make-and-mount';
    case 'empty':
    case 'covered':
      return 'mount';
    case 'files':
      throw refuse('MOUNTPOINT_NOT_EMPTY', mountpoint, 'holds files, which would vanish from sight', {
        hint: 'Move them away, or name another mountpoint.',
      });
    case 'link':
      throw refuse('MOUNTPOINT_IS_LINK', mountpoint, 'is a symbolic link', {
        hint: 'Name the directory that it leads to.',
      });
    case 'no-directory':
      throw refuse('MOUNTPOINT_NO_DIRECTORY', mountpoint, 'is not a directory');
    case 'mount':
      if (isWanted(found.mount, wanted)) return 'keep';
      throw refuse('MOUNTPOINT_TAKEN', mountpoint, `has something else mounted: ${describe(found.mount)}`, {
        hint: 'Unmount that, or name another mountpoint.',
      });
  }
}

/** Whether a mount shows the subdot's directory of the dataset. Pure. */
export function isWanted({ source, root }: Pick<Mount, 'source' | 'root'>, wanted: Wanted): boolean {
  const ours =
    wanted.dataset === undefined ? source.startsWith(`${dotsRoot(wanted.pool)}/`) : source === wanted.dataset;
  return ours && root === (wanted.subdot === ROOT_SUBDOT ? '/' : `/${wanted.subdot}`);
}

/**
 * Before anything is started: refuses what can be refused without knowing the dot's dataset. A mountpoint
 * that leads into our own directories over a symbolic link is found here as well.
 *
 * @throws what mountVerdict throws; DmError usage/BAD_MOUNTPOINT
 */
export async function checkMountpoint(mountpoint: string, wanted: Wanted): Promise<void> {
  await resolvedMountpoint(mountpoint);
  mountVerdict(mountpoint, await findAt(mountpoint), wanted);
}

/** The mountpoint without symbolic links above it. @throws DmError usage/BAD_MOUNTPOINT, see checkedMountpoint */
export async function resolvedMountpoint(mountpoint: string): Promise<string> {
  return checkedMountpoint(await resolved(mountpoint));
}

/** The path without symbolic links above it, as far as it exists. */
async function resolved(path: string): Promise<string> {
  const parent = dirname(path);
  if (parent === path) return path;
  const above = await realpath(parent).catch(() => resolved(parent));
  return `${above === '/' ? '' : above}${path.slice(parent === '/' ? 0 : parent.length)}`;
}

function describe({ source, root, type }: Pick<Mount, 'source' | 'root' | 'type'>): string {
  return printable(root === '/' ? `${source} (${type})` : `${source} (${type}, its directory ${root})`);
}

function refuse(code: string, mountpoint: string, fault: string, details: { hint?: string } = {}): DmError {
  return new DmError('mount', code, `The mountpoint ${printable(mountpoint)} ${fault}.`, details);
}

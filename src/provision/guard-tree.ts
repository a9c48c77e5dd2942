/**
 * Closed directories of ours below a directory: mountpoints may lie in mountpoints (/data and /data/db), and what
 * was closed for the inner one must not keep the outer dot from appearing. They are known by looking, whichever run
 * made them and whatever became of its record.
 */

import type { Stats } from 'node:fs';
import { lstat, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isCover } from '../system/cover.ts';
import { isImmutable, setImmutable } from '../system/immutable.ts';
import { type Mount, mountTable, unmount } from '../system/mounts.ts';

/**
 * Mode of a directory that was made to be closed, from its first moment: one whose run was cut off before it could
 * close it is known by this. Nobody else makes a directory that is sticky and private.
 */
export const GUARD_MODE = 0o1700;
/** More directories than mountpoints are somebody's data. */
const MOST_DIRECTORIES = 256;

export interface TreeEntry {
  path: string;
  isDirectory: boolean;
  /** Names in it; of a directory with a mount on it: none. */
  entries: number;
  mode: number;
  immutable: boolean;
  /** What is mounted on it: our cover, or something else. */
  mounted: 'no' | 'cover' | 'other';
}

/** Pure: whether nothing is there but directories that lead to empty ones closed by us. */
export function isOnlyGuards(tree: readonly TreeEntry[]): boolean {
  return tree.every(
    entry =>
      entry.isDirectory &&
      entry.mounted !== 'other' &&
      (entry.entries > 0 || entry.mounted === 'cover' || entry.immutable || entry.mode === GUARD_MODE),
  );
}

/**
 * Removes what was closed by us below `outer`, when nothing else is there: opened, then removed upwards as long as a
 * directory is empty, never `outer` itself.
 *
 * @returns whether `outer` is empty now
 */
export async function clearGuardsBelow(outer: string): Promise<boolean> {
  const tree = await survey(outer, await mountTable());
  if (tree === undefined || !isOnlyGuards(tree)) return false;
  // Whoever closed the outer directory closed it for removals, too.
  if (tree.length > 0 && (await isImmutable(outer))) await setImmutable(outer, false);
  for (const entry of tree) {
    if (entry.mounted === 'cover') await unmount(entry.path);
    if (entry.immutable) await setImmutable(entry.path, false);
  }
  // Children first. Somebody may have written there a moment ago: what is not empty stays.
  for (const { path } of [...tree].reverse()) await rmdir(path).catch(() => undefined);
  return (await readdir(outer)).length === 0;
}

/** Everything below a directory, parents before children; undefined when that is too much to be ours. */
async function survey(directory: string, table: readonly Mount[]): Promise<TreeEntry[] | undefined> {
  const found: TreeEntry[] = [];
  const queue = [directory];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const name of await readdir(at)) {
      if (found.length >= MOST_DIRECTORIES) return undefined;
      const entry = await look(join(at, name), table);
      if (!entry.isDirectory || entry.mounted === 'other') return [entry];
      found.push(entry);
      if (entry.entries > 0) queue.push(entry.path);
    }
  }
  return found;
}

async function look(path: string, table: readonly Mount[]): Promise<TreeEntry> {
  const mount = table.findLast(each => each.mountpoint === path);
  const mounted = !mount ? 'no' : isCover(mount) ? 'cover' : 'other';
  // What is mounted there may hang: it is not touched.
  const stats: Stats | undefined = mounted === 'no' ? await lstat(path) : undefined;
  const isDirectory = stats?.isDirectory() ?? true;
  const entries = stats && isDirectory ? (await readdir(path)).length : 0;
  const immutable = stats !== undefined && isDirectory && (await isImmutable(path));
  return { path, isDirectory, entries, mode: (stats?.mode ?? 0) & 0o7777, immutable, mounted };
}

/**
 * Which directories this pool's runs have closed since the machine started, in RUN_DIRECTORY/<pool>/guards.json, so
 * that `dm-linuxkit stop` opens them. It may be lost: what is closed is seen by looking (guard-tree.ts).
 */

import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makePrivateDirectory, readIfThere, writeFileAtomic } from '../system/files.ts';
import { withMountLock } from '../system/mounts.ts';
import type { RunPaths } from './run-files.ts';

/** Absolute paths without symbolic links, outer ones first; [] when there is no record or it is damaged. */
export async function readGuards(paths: Pick<RunPaths, 'guards'>): Promise<string[]> {
  return parseGuards((await readIfThere(paths.guards)) ?? '');
}

/** Under the mount lock: two runs for one pool close their directories before one of them has the pool's lock. */
export async function changeGuards(
  paths: Pick<RunPaths, 'guards'>,
  change: (directories: Set<string>) => void,
): Promise<void> {
  await withMountLock(async () => {
    const before = await readGuards(paths);
    const directories = new Set(before);
    change(directories);
    const after = [...directories].sort();
    if (after.length === 0) await rm(paths.guards, { force: true });
    else if (JSON.stringify(after) !== JSON.stringify(before)) {
      await makePrivateDirectory(dirname(paths.guards));
      await writeFileAtomic(paths.guards, `${JSON.stringify(after)}\n`);
    }
  });
}

/** Pure. */
export function parseGuards(text: string): string[] {
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) return [];
    return list.filter((path): path is string => typeof path === 'string' && path.startsWith('/')).sort();
  } catch {
    return []; // Not there, or cut off.
  }
}

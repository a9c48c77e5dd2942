/**
 * Which directories this pool's runs have closed since the machine started, in RUN_DIRECTORY/<pool>/guards.json, so
 * that `dm-linuxkit stop` opens them; and which of them a run that is still at work wants closed, so that it does not.
 * It may be lost: what is closed is seen by looking (guard-tree.ts).
 */

import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makePrivateDirectory, readIfThere, writeFileAtomic } from '../system/files.ts';
import { withMountLock } from '../system/mounts.ts';
import { isAlive, type ProcessId } from '../system/processes.ts';
import type { RunPaths } from './run-files.ts';

/** By absolute path without symbolic links: the boot steps that closed it and may still wait for its dot. */
export type Guards = Map<string, ProcessId[]>;

/** What was closed, outer directories first; [] when there is no record or it is damaged. */
export async function readGuards(paths: Pick<RunPaths, 'guards'>): Promise<string[]> {
  return [...(await read(paths)).keys()];
}

/** Those of them that a boot step which still runs has closed. */
export async function heldGuards(paths: Pick<RunPaths, 'guards'>): Promise<string[]> {
  return [...(await read(paths))].filter(([, holders]) => holders.some(isAlive)).map(([path]) => path);
}

/** Under the mount lock: two runs for one pool close their directories before one of them has the pool's lock. */
export async function changeGuards(
  paths: Pick<RunPaths, 'guards'>,
  change: (guards: Guards) => void,
): Promise<void> {
  await withMountLock(async () => {
    const guards = await read(paths);
    const before = formatGuards(guards);
    change(guards);
    const after = formatGuards(guards);
    if (guards.size === 0) await rm(paths.guards, { force: true });
    else if (after !== before) {
      await makePrivateDirectory(dirname(paths.guards));
      await writeFileAtomic(paths.guards, after);
    }
  });
}

/** Adds a directory, and who holds it; holders that are gone are forgotten. */
export function addGuard(guards: Guards, path: string, holder: ProcessId | undefined): void {
  const others = (guards.get(path) ?? []).filter(each => isAlive(each) && each.pid !== holder?.pid);
  guards.set(path, holder ? [...others, holder] : others);
}

async function read({ guards }: Pick<RunPaths, 'guards'>): Promise<Guards> {
  return parseGuards((await readIfThere(guards)) ?? '');
}

/** Pure. */
export function formatGuards(guards: Guards): string {
  const sorted = [...guards].sort(([a], [b]) => (a < b ? -1 : 1));
  const plain = ({ pid, startTime }: ProcessId) => ({ pid, startTime });
  return `${JSON.stringify(sorted.map(([path, holders]) => ({ path, holders: holders.map(plain) })))}\n`;
}

/** Pure. */
export function parseGuards(text: string): Guards {
  try {
    const list: unknown = JSON.parse(text);
    const sound = (Array.isArray(list) ? list : []).filter(isEntry);
    return new Map(sound.map(({ path, holders }) => [path, holders.filter(isProcessId)]));
  } catch {
    return new Map(); // Not there, or cut off.
  }
}

function isEntry(entry: unknown): entry is { path: string; holders: unknown[] } {
  const { path, holders } = (entry ?? {}) as { path?: unknown; holders?: unknown };
  return typeof path === 'string' && path.startsWith('/') && Array.isArray(holders);
}

function isProcessId(value: unknown): value is ProcessId {
  const { pid, startTime } = (value ?? {}) as { pid?: unknown; startTime?: unknown };
  return Number.isInteger(pid) && Number.isInteger(startTime);
}

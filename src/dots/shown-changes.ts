/** Changes as calls show them. Pure. */

import { DEFAULT_SUBDOT } from '../model/names.ts';
import type { BranchStatus, FileChange } from '../wire/methods.ts';
import type { Change } from './tree-diff.ts';

const text = (path: string) => Buffer.from(path, 'latin1').toString('utf8');

/** Ours: names begin with the subdot; that a directory's own time changed says nothing. */
export function plainChanges(changes: readonly Change[]): FileChange[] {
  return changes
    .filter(({ change, kind }) => change !== 'M' || kind !== 'folder')
    .map(({ change, path, from }) => ({
      change,
      filename: text(path),
      ...(from === undefined ? {} : { from: text(from) }),
    }));
}

/** The original's: in `__default__` alone, names relative to it, directories too, a rename as its two halves (§7.6). */
export function sinceLastCommit(changes: readonly Change[]): FileChange[] {
  const below = `${DEFAULT_SUBDOT}/`;
  return changes
    .flatMap(({ change, path, from }): { change: string; path: string }[] =>
      from === undefined
        ? [{ change, path }]
        : [
            { change: '-', path: from },
            { change: '+', path },
          ],
    )
    .filter(({ path }) => path.startsWith(below))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ change, path }) => ({ change, filename: text(path.slice(below.length)) }));
}

/** Bytes of the files that changed, by the first component; what is gone counts as what it was. */
export function bySubdot(changes: readonly Change[]): BranchStatus['Subdots'] {
  const bytes = new Map<string, number>();
  for (const { path, kind, size } of changes) {
    if (kind === 'folder') continue;
    const [name = ''] = path.split('/');
    bytes.set(name, (bytes.get(name) ?? 0) + size);
  }
  return [...bytes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, ChangedBytes]) => ({ Name: text(name), ChangedBytes }));
}

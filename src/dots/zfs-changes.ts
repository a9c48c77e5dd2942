/** What `zfs diff` told, made the same as our own walk would tell: by looking at what it names, and at nothing else. */

import type { DiffRow } from '../zfs/index.ts';
import { inFolderOf, Pinned } from './pinned.ts';
import { isSameFile, kindOf } from './same-file.ts';
import { type Change, checkCount, toChange } from './tree-diff.ts';

/**
 * @param root path by which `rows` name files: where the filesystem is mounted
 * @param before @param after directories with the files of both states
 */
export async function changesOf(
  rows: readonly DiffRow[],
  root: string,
  before: string,
  after: string,
  since: number,
  isMeant: (name: string) => boolean,
): Promise<Change[]> {
  checkCount(rows.length);
  const below = Buffer.from(`${root}/`).toString('latin1');
  const relative = (path: string) =>
    path.startsWith(below) ? path.slice(below.length).replace(/\/$/, '') : '';
  const isIn = (path: string) => path !== '' && isMeant(path.split('/')[0] ?? '');
  const [left, right] = await Promise.all([Pinned.open(before), Pinned.open(after)]);
  try {
    const changes: Change[] = [];
    for (const { change, path, from } of combine(rows, relative)) {
      if (!isIn(path)) continue;
      const one = await look(left, right, since, change, path);
      if (one) changes.push(from === undefined ? one : { ...one, from });
    }
    return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
}

type Row = Pick<Change, 'change' | 'path' | 'from'>;

/** A name that went and came again is one that may have changed. */
function combine(rows: readonly DiffRow[], relative: (path: string) => string): Row[] {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const path = relative(row.path);
    const old = found.get(path);
    if (row.change === 'R') {
      const from = relative(row.from ?? '');
      // One that was put over another is that other, changed; its old name is gone.
      if (!old) found.set(path, { change: 'R', path, from });
      else {
        found.set(path, { change: 'M', path });
        found.set(from, { change: '-', path: from });
      }
    } else if (old?.change === 'R' && old.from !== undefined) {
      found.set(path, { change: 'M', path });
      found.set(old.from, { change: '-', path: old.from });
    } else {
      found.set(path, { change: old ? 'M' : (row.change as Row['change']), path });
    }
  }
  return [...found.values()];
}

/** The change as it is by the files themselves; undefined when there is none any more. */
async function look(
  left: Pinned,
  right: Pinned,
  since: number,
  change: Change['change'],
  path: string,
): Promise<Change | undefined> {
  const parts = path.split('/');
  return inFolderOf(change === '-' ? left : right, parts, async (folder, name) => {
    const stat = await folder.stat(name);
    if (!stat) return undefined;
    if (change !== 'M') return toChange(change, path, stat);
    const isSame = await inFolderOf(left, parts, async (oldFolder, oldName) => {
      const old = await oldFolder.stat(oldName);
      if (!old || kindOf(old) !== kindOf(stat)) return false;
      if (kindOf(stat) === 'folder') return old.mtimeNs === stat.mtimeNs && old.mode === stat.mode;
      const both = { before: oldName, after: name };
      return isSameFile({ folder: oldFolder, stat: old }, { folder, stat }, both, since);
    });
    return isSame ? undefined : toChange('M', path, stat);
  });
}

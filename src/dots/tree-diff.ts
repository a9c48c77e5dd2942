/**
 * What differs between two states of a dot: our own walk over both, for a ZFS without `zfs diff`. Also the one place
 * that says what a change is, so that both kinds of ZFS give the same.
 */

import type { BigIntStats } from 'node:fs';
import { DmError, errno } from '../lib/errors.ts';
import { Pinned } from './pinned.ts';
import { isSameFile, type Kind, kindOf } from './same-file.ts';

export interface Change {
  change: '+' | '-' | 'M' | 'R';
  /** Relative to the dot's root, latin1, `/` between. */
  path: string;
  /** With `R`. */
  from?: string;
  kind: Kind;
  /** Bytes afterwards; of what is gone, before. */
  size: number;
  /** Nanoseconds since 1970, like `size`. */
  mtimeNs: bigint;
  /** For finding renames. */
  ino: bigint;
}

/** A list that large helps nobody, and would fill the memory. */
const MOST_CHANGES = 500_000;

/**
 * Directories are `M` when their own time changed. What is gone and there again under another name with the same inode,
 * size and time is `R`.
 *
 * @param since when the older state was made, in whole seconds since 1970
 * @param isMeant names at the top that count
 * @throws DmError dot/DIFF_TOO_LARGE, zfs/ZFS_HUNG
 */
export async function diffTrees(
  before: string,
  after: string,
  since: number,
  isMeant: (name: string) => boolean,
): Promise<Change[]> {
  const changes: Changes = { all: [], since };
  const [left, right] = await Promise.all([Pinned.open(before), Pinned.open(after)]);
  try {
    await compare(left, right, '', changes, isMeant);
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
  return withRenames(changes.all).sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Changes {
  all: Change[];
  since: number;
}

async function compare(
  left: Pinned | undefined,
  right: Pinned | undefined,
  path: string,
  changes: Changes,
  isMeant: (name: string) => boolean = () => true,
): Promise<void> {
  const [before, after] = await Promise.all([left?.names() ?? [], right?.names() ?? []]);
  const names = [...new Set([...before, ...after])].filter(isMeant).sort();
  for (const name of names) {
    try {
      await compareOne(left, right, name, path === '' ? name : `${path}/${name}`, changes);
    } catch (error) {
      // Somebody writes meanwhile: what just went, or became something else, is not compared.
      if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errno(error) ?? '')) throw error;
    }
  }
}

async function compareOne(
  left: Pinned | undefined,
  right: Pinned | undefined,
  name: string,
  path: string,
  changes: Changes,
): Promise<void> {
  const [a, b] = await Promise.all([left?.stat(name), right?.stat(name)]);
  if (left && right && a && b && kindOf(a) === kindOf(b)) {
    if (kindOf(a) === 'folder') {
      if (a.mtimeNs !== b.mtimeNs || a.mode !== b.mode) add(changes, 'M', path, b);
      await descend(left, right, name, path, changes);
      return;
    }
    const both = { before: name, after: name };
    if (await isSameFile({ folder: left, stat: a }, { folder: right, stat: b }, both, changes.since)) return;
    add(changes, 'M', path, b);
    return;
  }
  if (left && a) {
    add(changes, '-', path, a);
    if (kindOf(a) === 'folder') await descend(left, undefined, name, path, changes);
  }
  if (right && b) {
    add(changes, '+', path, b);
    if (kindOf(b) === 'folder') await descend(undefined, right, name, path, changes);
  }
}

async function descend(
  left: Pinned | undefined,
  right: Pinned | undefined,
  name: string,
  path: string,
  changes: Changes,
): Promise<void> {
  const before = await left?.folder(name);
  try {
    const after = await right?.folder(name);
    try {
      await compare(before, after, path, changes);
    } finally {
      await after?.close();
    }
  } finally {
    await before?.close();
  }
}

function add({ all }: Changes, change: Change['change'], path: string, stat: BigIntStats): void {
  checkCount(all.length + 1);
  all.push(toChange(change, path, stat));
}

/** @throws DmError dot/DIFF_TOO_LARGE */
export function checkCount(count: number): void {
  if (count <= MOST_CHANGES) return;
  throw new DmError('dot', 'DIFF_TOO_LARGE', `More than ${MOST_CHANGES} files differ: they are not listed.`);
}

export function toChange(change: Change['change'], path: string, stat: BigIntStats): Change {
  return { change, path, kind: kindOf(stat), size: Number(stat.size), mtimeNs: stat.mtimeNs, ino: stat.ino };
}

/** Pure. What lies in a renamed directory and is what it was is not told besides. */
export function withRenames(changes: readonly Change[]): Change[] {
  const isNamed = ({ kind }: Change) => kind === 'file' || kind === 'folder';
  const gone = new Map(
    changes.filter(change => change.change === '-' && isNamed(change)).map(change => [change.ino, change]),
  );
  const moved = new Set<Change>();
  const found = changes.map(change => {
    const old = change.change === '+' && isNamed(change) ? gone.get(change.ino) : undefined;
    if (old?.kind !== change.kind) return change;
    const isSame = old.size === change.size && old.mtimeNs === change.mtimeNs;
    if (change.kind === 'file' && !isSame) return change;
    gone.delete(change.ino);
    moved.add(old);
    return { ...change, change: 'R' as const, from: old.path };
  });
  const folders = new Set(
    found.flatMap(({ change, kind, from, path }) =>
      change === 'R' && kind === 'folder' ? [`${from}\n${path}`] : [],
    ),
  );
  const goesAlong = ({ from, path }: Change) => {
    if (from === undefined || from.split('/').at(-1) !== path.split('/').at(-1)) return false;
    return folders.has(`${parentOf(from)}\n${parentOf(path)}`);
  };
  return found.filter(change => !moved.has(change) && !goesAlong(change));
}

const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));

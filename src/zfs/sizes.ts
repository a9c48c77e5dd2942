/** Sizes of filesystems out of `zfs get -Hp -o name,property,value`. Pure. */

import { lines, sharing } from './command.ts';
import type { Size } from './index.ts';

/** Values by property, by dataset: of native properties that are numbers or words, so no row can be forged. */
export type Numbers = ReadonlyMap<string, ReadonlyMap<string, string>>;

export function parseNumbers(text: string): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  const own = sharing();
  for (const line of lines(text)) {
    const [name = '', property = '', value = ''] = line.split('\t').map(own);
    const values = found.get(name) ?? new Map<string, string>();
    found.set(name, values.set(property, value));
  }
  return found;
}

/**
 * What has been written since the newest snapshot is `written` where ZFS tells it. Else it is estimated: by how
 * much the filesystem has grown over that snapshot, and what only the snapshot still holds, which is what has been
 * overwritten or deleted since.
 */
export function sizesFrom(numbers: Numbers): Map<string, Size> {
  const newest = newestSnapshots(numbers);
  const sizes = new Map<string, Size>();
  for (const [name, values] of numbers) {
    if (values.get('type') !== 'filesystem') continue;
    const referenced = bytes(values, 'referenced');
    const snapshot = newest.get(name);
    const written = values.has('written') ? bytes(values, 'written') : undefined;
    const dirty = snapshot ? (written ?? estimate(referenced, snapshot)) : 0;
    sizes.set(name, { referenced, dirty });
  }
  return sizes;
}

function estimate(referenced: number, snapshot: ReadonlyMap<string, string>): number {
  return Math.max(0, referenced - bytes(snapshot, 'referenced')) + bytes(snapshot, 'used');
}

function newestSnapshots(numbers: Numbers): Map<string, ReadonlyMap<string, string>> {
  const newest = new Map<string, ReadonlyMap<string, string>>();
  for (const [name, values] of numbers) {
    const [filesystem = '', id] = name.split('@');
    if (id === undefined) continue;
    const other = newest.get(filesystem);
    if (!other || bytes(values, 'createtxg') >= bytes(other, 'createtxg')) newest.set(filesystem, values);
  }
  return newest;
}

function bytes(values: ReadonlyMap<string, string>, property: string): number {
  return Number(values.get(property) ?? 0) || 0;
}

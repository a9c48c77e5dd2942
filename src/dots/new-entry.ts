/** What is known of a filesystem before it is made. */

import { randomUUID } from 'node:crypto';
import { dotDataset } from '../model/layout.ts';
import { type Context, rootOf } from './context.ts';
import type { Entry } from './registry.ts';

/** An entry with an id that nobody has used; a master of its own unless `more` says otherwise. */
export function newEntry(
  context: Context,
  names: Pick<Entry, 'namespace' | 'name'>,
  more: Partial<Omit<Entry, 'id' | 'dataset' | 'mountpoint'>> = {},
): Entry {
  const id = randomUUID();
  return {
    id,
    dataset: dotDataset(context.pool, id),
    mountpoint: rootOf(context, id),
    dot: id,
    ...names,
    branch: '',
    origin: undefined,
    fork: undefined,
    commits: [],
    tags: new Map(),
    ...more,
  };
}

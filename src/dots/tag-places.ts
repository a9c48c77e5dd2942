/** Where tags are. Pure. */

import type { Tag } from '../model/tags.ts';
import type { Entry } from './registry.ts';

/** Sorted names. */
export function tagsOf(entry: Entry, commit: string): string[] {
  return tagsAt(entry, commit)
    .map(({ name }) => name)
    .sort();
}

export const tagsAt = (entry: Entry, commit: string): readonly Tag[] => entry.tags.get(commit) ?? [];

export interface Place {
  entry: Entry;
  commit: string;
  tag: Tag;
}

/** The oldest first. */
export function placesIn(entries: readonly Entry[]): Place[] {
  return entries
    .flatMap(entry => [...entry.tags].flatMap(([commit, tags]) => tags.map(tag => ({ entry, commit, tag }))))
    .sort((a, b) => (a.tag.since < b.tag.since ? -1 : 1));
}

/** Those that a move left behind when it was cut: a later one of the same name counts. Pure. */
export function staleTags(
  entries: readonly Entry[],
): { entry: Entry; commit: string; tags: readonly Tag[] }[] {
  const latest = new Map<string, bigint>();
  for (const { entry, tag } of placesIn(entries)) latest.set(`${entry.dot}/${tag.name}`, tag.since);
  return entries.flatMap(entry =>
    [...entry.tags].flatMap(([commit, tags]) => {
      const kept = tags.filter(({ name, since }) => latest.get(`${entry.dot}/${name}`) === since);
      return kept.length < tags.length ? [{ entry, commit, tags: kept }] : [];
    }),
  );
}

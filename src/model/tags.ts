/**
 * Tags of one commit, as they stand in a property of its snapshot: `name=since,name=since`. `since` (nanoseconds) decides
 * where a tag is when a move that was cut left it at two commits: the later one counts.
 */

import { NAME_PATTERN } from './names.ts';

export interface Tag {
  name: string;
  since: bigint;
}

export function parseTags(text: string): Tag[] {
  return text.split(',').flatMap(part => {
    const [name = '', since = '', more] = part.split('=');
    if (more !== undefined || !NAME_PATTERN.test(name) || !/^\d{1,20}$/.test(since)) return [];
    return { name, since: BigInt(since) };
  });
}

export function formatTags(tags: readonly Tag[]): string {
  return tags.map(({ name, since }) => `${name}=${since}`).join(',');
}

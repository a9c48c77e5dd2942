/** Which commits a branch has: its own, and before them those of what it grew from. Pure. */

import { DmError } from '../lib/errors.ts';
import { nameFault } from '../model/names.ts';
import type { Entry, Registry } from './registry.ts';

/** Commits of one filesystem, oldest first, as far as the branch has them. */
export interface Stretch {
  owner: Entry;
  commits: readonly string[];
}

/** From the beginning of the dot to the branch itself. */
export function stretchesOf(registry: Pick<Registry, 'byId'>, entry: Entry): Stretch[] {
  const stretches: Stretch[] = [{ owner: entry, commits: entry.commits }];
  const seen = new Set([entry.id]);
  for (let { origin } = entry; origin !== undefined; ) {
    const owner = registry.byId(origin.filesystemId);
    if (!owner || seen.has(owner.id)) break;
    seen.add(owner.id);
    stretches.unshift({ owner, commits: upTo(owner.commits, origin.snapshotId) });
    origin = owner.origin;
  }
  return stretches;
}

/** An origin that is hidden or unknown leaves all: what the branch can have had. */
function upTo(commits: readonly string[], last: string): readonly string[] {
  const at = commits.indexOf(last);
  return at === -1 ? commits : commits.slice(0, at + 1);
}

/**
 * Who has this commit of the branch's history.
 *
 * @throws DmError usage/INVALID_NAME, dot/COMMIT_MISSING in the original's words
 */
export function ownerOfCommit(registry: Pick<Registry, 'byId'>, entry: Entry, commit: string): Entry {
  const found = stretchesOf(registry, entry).find(({ commits }) => commits.includes(commit));
  if (found) return found.owner;
  const fault = nameFault('snapshot', commit);
  if (fault !== '') throw new DmError('usage', 'INVALID_NAME', fault);
  const message = `Cannot find commit with id ${commit} for filesystem ${entry.id}`;
  throw new DmError('dot', 'COMMIT_MISSING', message, { hint: 'List the commits with "dm log".' });
}

/** The newest commit of the history; undefined for a dot whose creation was cut. */
export function newestOf(
  registry: Pick<Registry, 'byId'>,
  entry: Entry,
): { owner: Entry; commit: string } | undefined {
  const last = stretchesOf(registry, entry).findLast(({ commits }) => commits.length > 0);
  const commit = last?.commits.at(-1);
  return last && commit !== undefined ? { owner: last.owner, commit } : undefined;
}

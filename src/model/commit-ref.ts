/**
 * How a person names a commit: `HEAD`, `HEAD^^`, `HEAD~3`, a full id, the first characters of one, a tag or a branch,
 * the last four with `^` and `~n` behind too. CLI reference §1.5; beyond HEAD and full ids it is ours.
 */

import { DmError } from '../lib/errors.ts';
import { printable } from './names.ts';

/** Shorter ones name too many commits to be meant. */
export const MIN_PREFIX = 4;
export const HEAD = 'HEAD';

export interface CommitRef {
  base: string;
  /** Commits before `base`. */
  back: number;
}

/** A commit with what it can be named by. */
export interface NamedCommit {
  id: string;
  tags: readonly string[];
}

/** @throws DmError usage/BAD_REF */
export function parseCommitRef(text: string): CommitRef {
  const [, base, steps] = /^([^\s^~]+)((?:\^|~\d*)*)$/.exec(text) ?? [];
  if (base === undefined || steps === undefined) {
    throw new DmError('usage', 'BAD_REF', `'${printable(text)}' names no commit.`, {
      hint: 'Write HEAD, HEAD^, HEAD~3, an id, the first 4 or more characters of one, a tag or a branch.',
    });
  }
  const counts = [...steps.matchAll(/\^|~(\d*)/g)].map(([, count]) => (count ? Number(count) : 1));
  return { base, back: counts.reduce((sum, count) => sum + count, 0) };
}

/** `parseCommitRef` backwards. */
export function formatCommitRef({ base, back }: CommitRef): string {
  return back === 0 ? base : `${base}~${back}`;
}

/** Where `commits` has one with exactly this id, else this tag; -1 when nowhere. */
export function indexOfNamed(commits: readonly NamedCommit[], name: string): number {
  const at = commits.findIndex(({ id }) => id === name);
  return at !== -1 ? at : commits.findIndex(({ tags }) => tags.includes(name));
}

/**
 * The id that begins with `prefix`, if there is one.
 *
 * @throws DmError usage/AMBIGUOUS_REF when there are several
 */
export function idWithPrefix(commits: readonly NamedCommit[], prefix: string): string | undefined {
  if (prefix.length < MIN_PREFIX) return undefined;
  const ids = new Set(commits.map(({ id }) => id).filter(id => id.startsWith(prefix)));
  const [first, second] = ids;
  if (second === undefined) return first;
  throw new DmError(
    'usage',
    'AMBIGUOUS_REF',
    `'${printable(prefix)}' is the beginning of ${ids.size} commit ids.`,
    { hint: `Give more characters, for example ${printable(first ?? '')}; 'dm log' shows all.` },
  );
}

/**
 * The commit `back` before the one at `at`, in a history that is oldest first.
 *
 * @throws DmError usage/TOO_FAR_BACK
 */
export function stepBack<T extends NamedCommit>(history: readonly T[], at: number, ref: CommitRef): T {
  const found = history[at - ref.back];
  if (found) return found;
  throw new DmError(
    'usage',
    'TOO_FAR_BACK',
    `Commits don't go back that far: '${printable(formatCommitRef(ref))}' is before the first one.`,
    { hint: "'dm log' shows all." },
  );
}

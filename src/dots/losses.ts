/** What a rollback would destroy. Pure. */

import { DmError } from '../lib/errors.ts';
import { MASTER } from '../model/names.ts';
import type { RollbackLosses } from '../wire/methods.ts';
import { ownerOfCommit } from './history.ts';
import { leavesFirst } from './reconcile.ts';
import { type Entry, fullName, type Registry } from './registry.ts';

export interface Doomed {
  /** Commits of the branch itself, oldest first. */
  commits: readonly string[];
  /** Branches that grew from those, and from each other, leaves first. */
  branches: readonly Entry[];
}

/** @throws DmError names, dot/COMMIT_MISSING, dot/COMMIT_INHERITED, dot/MASTER_DOOMED */
export function doomedBy(registry: Pick<Registry, 'byId' | 'all'>, entry: Entry, commit: string): Doomed {
  const owner = ownerOfCommit(registry, entry, commit);
  if (owner !== entry) throw inherited(entry, owner, commit);
  const commits = entry.commits.slice(entry.commits.indexOf(commit) + 1);
  const lost = new Set(commits);
  const doomed = new Set<Entry>();
  const isDoomed = ({ origin }: Entry) =>
    origin !== undefined &&
    ((origin.filesystemId === entry.id && lost.has(origin.snapshotId)) ||
      [...doomed].some(other => other.id === origin.filesystemId));
  const all = registry.all();
  for (let found = true; found; ) {
    const more = all.filter(other => !doomed.has(other) && isDoomed(other));
    for (const other of more) doomed.add(other);
    found = more.length > 0;
  }
  const branches = leavesFirst([...doomed]);
  const master = branches.find(({ branch }) => branch === '');
  if (master) throw masterDoomed(master, commit);
  return { commits, branches };
}

function inherited(entry: Entry, owner: Entry, commit: string): DmError {
  const from = owner.branch || MASTER;
  const message = `The commit ${commit} was made on ${from}: ${entry.branch || MASTER} can not go back to it.`;
  return new DmError('dot', 'COMMIT_INHERITED', message, { hint: 'Make a branch of that commit.' });
}

function masterDoomed(master: Entry, commit: string): DmError {
  const message = `Going back to ${commit} would destroy ${fullName(master)}, which grew from a later commit.`;
  return new DmError('dot', 'MASTER_DOOMED', message, { hint: 'Make a branch of that commit.' });
}

/** @throws DmError dot/LOSSES with data.losses when there are any */
export function refuseLosses(commit: string, losses: RollbackLosses): void {
  const { Commits: commits, Branches: branches, DirtyBytes: dirty } = losses;
  const parts = [
    commits.length > 0 && `${count(commits.length, 'commit')} (${commits.map(({ Id }) => Id).join(', ')})`,
    branches.length > 0 && `${count(branches.length, 'branch', 'branches')} (${branches.join(', ')})`,
    dirty > 0 && `${count(dirty, 'byte')} that no commit has`,
  ].filter(part => part !== false);
  if (parts.length === 0) return;
  const last = parts.pop();
  const what = parts.length > 0 ? `${parts.join(', ')} and ${last}` : last;
  throw new DmError('dot', 'LOSSES', `Going back to ${commit} would destroy ${what}: it is not done.`, {
    hint: 'Commit what shall be kept, or go back all the same with "dm reset --hard".',
    data: { losses },
  });
}

const count = (number: number, one: string, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

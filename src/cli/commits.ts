/** The commits of a dot as a server tells them, and the one that the user means. */

import { DmError, isDmError } from '../lib/errors.ts';
import { HEAD, idWithPrefix, indexOfNamed, parseCommitRef, stepBack } from '../model/commit-ref.ts';
import { MASTER, printable } from '../model/names.ts';
import type { RpcClient } from '../remote/rpc-client.ts';
import type { BranchRef, DotRef } from '../wire/methods.ts';
import { branchName, onBranch, type Target } from './target.ts';

/** Milliseconds: 10,000 commits from a server that is busy. */
const TIMEOUT_MS = 120_000;

export interface Commit {
  id: string;
  metadata: Record<string, string>;
  /** That it was made on. */
  branch: string;
  tags: string[];
}

/** Own and inherited commits, oldest first; of a server that has no History, its own alone. */
export async function historyOf(client: RpcClient, ref: BranchRef): Promise<Commit[]> {
  try {
    const commits = await client.call('History', ref, { timeoutMs: TIMEOUT_MS });
    return commits.map(({ Id, Metadata, Branch, Tags }) => ({
      id: Id,
      metadata: Metadata ?? {},
      branch: branchName(Branch),
      tags: Tags ?? [],
    }));
  } catch (error) {
    if (!isDmError(error, 'METHOD_MISSING')) throw error;
    return ownCommits(client, ref);
  }
}

/** Those made on the branch itself, without tags, oldest first. */
export async function ownCommits(client: RpcClient, ref: BranchRef): Promise<Commit[]> {
  const commits = await client.call('Commits', ref, { timeoutMs: TIMEOUT_MS });
  return commits.map(({ Id, Metadata }) => ({
    id: Id,
    metadata: Metadata ?? {},
    branch: branchName(ref.Branch),
    tags: [],
  }));
}

/** All branches, master among them, sorted. */
export async function branchesOf(client: RpcClient, dot: DotRef): Promise<string[]> {
  return [MASTER, ...(await client.call('Branches', dot))].sort();
}

/** Every commit of the dot once, branch by branch, each with the branch that it was made on. */
export async function allCommits({ client, dotRef }: Target): Promise<Commit[]> {
  const known = new Map<string, Commit>();
  for (const branch of await branchesOf(client, dotRef)) {
    for (const commit of await historyOf(client, onBranch(dotRef, branch))) {
      if (!known.has(commit.id)) known.set(commit.id, commit);
    }
  }
  return [...known.values()];
}

/**
 * The commit that `text` names. HEAD is the newest of the target's branch. A name is first a full id or a tag in the
 * history of that branch, then a branch, then the beginning of an id in that history; what is none of these is looked
 * for on the other branches in the same way.
 *
 * @throws DmError usage/BAD_REF, usage/AMBIGUOUS_REF, usage/TOO_FAR_BACK, dot/NO_SUCH_COMMIT, and those of RpcClient
 */
export async function resolveCommit(target: Target, text: string): Promise<Commit> {
  const ref = parseCommitRef(text);
  const here = await historyOf(target.client, target.ref);
  if (ref.base === HEAD) {
    if (here.length === 0) throw noCommits(text, target);
    return stepBack(here, here.length - 1, ref);
  }
  const found = indexOfNamed(here, ref.base);
  if (found !== -1) return stepBack(here, found, ref);
  const branches = await branchesOf(target.client, target.dotRef);
  if (branches.includes(ref.base)) {
    const there = await historyOf(target.client, onBranch(target.dotRef, ref.base));
    if (there.length === 0) throw noCommits(text, target);
    return stepBack(there, there.length - 1, ref);
  }
  const id = idWithPrefix(here, ref.base);
  if (id !== undefined) return stepBack(here, indexOfNamed(here, id), ref);
  const others: Commit[][] = [];
  for (const branch of branches.filter(name => name !== target.branch)) {
    others.push(await historyOf(target.client, onBranch(target.dotRef, branch)));
  }
  const named = others.find(history => indexOfNamed(history, ref.base) !== -1);
  const name = named ? ref.base : idWithPrefix(others.flat(), ref.base);
  const history = named ?? others.find(commits => name !== undefined && indexOfNamed(commits, name) !== -1);
  if (history === undefined || name === undefined) throw noCommits(text, target);
  return stepBack(history, indexOfNamed(history, name), ref);
}

function noCommits(text: string, { shown }: Target): DmError {
  return new DmError('dot', 'NO_SUCH_COMMIT', `No commits match '${printable(text)}' of ${shown}.`, {
    hint: "'dm log' shows the commits there are, 'dm tag' the tags.",
  });
}

/** The first line of its message, safe for a terminal, cut. */
export function titleOf({ metadata }: Commit): string {
  return printable((metadata['message'] ?? '').split('\n')[0] ?? '');
}

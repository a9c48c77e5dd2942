/** Making a branch of a commit: for `dm branch NAME` and `dm checkout -b NAME`. */

import { DmError } from '../lib/errors.ts';
import { HEAD } from '../model/commit-ref.ts';
import { newNameFault, printable } from '../model/names.ts';
import { branchesOf, resolveCommit } from './commits.ts';
import type { Target } from './target.ts';

/** Milliseconds: a clone and its mount on a busy pool. */
const TIMEOUT_MS = 120_000;

/**
 * Of the commit that `text` names, by default the newest of the target's branch. Resolves to its id.
 *
 * @throws DmError usage/INVALID_NAME, dot/BRANCH_EXISTS, and those of resolveCommit
 */
export async function makeBranch(target: Target, name: string, text = HEAD): Promise<string> {
  const fault = newNameFault('branch', name);
  if (fault !== '') throw new DmError('usage', 'INVALID_NAME', fault);
  if ((await branchesOf(target.client, target.dotRef)).includes(name)) {
    throw new DmError('dot', 'BRANCH_EXISTS', `Branch already exists: ${printable(name)}.`, {
      hint: `'dm checkout ${printable(name)}' makes it the current one.`,
    });
  }
  const commit = await resolveCommit(target, text);
  await target.client.call(
    'Branch',
    { ...target.dotRef, SourceBranch: commit.branch, NewBranchName: name, SourceCommitId: commit.id },
    { timeoutMs: TIMEOUT_MS },
  );
  return commit.id;
}

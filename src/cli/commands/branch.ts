/** `dm branch`: lists branches, makes, deletes and renames them. CLI reference §1.7. */

import { DmError, isDmError } from '../../lib/errors.ts';
import { checkName, MASTER, newNameFault, printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { branchesOf, ownCommits, titleOf } from '../commits.ts';
import { makeBranch } from '../make-branch.ts';
import { painter } from '../paint.ts';
import { currentBranch, withCurrentBranch } from '../profile.ts';
import { show } from '../show.ts';
import { chooseTarget, onBranch, type Target } from '../target.ts';

/** Milliseconds: a branch with thousands of commits. */
const TIMEOUT_MS = 300_000;

export async function run(context: Context): Promise<void> {
  const { args, flags } = context;
  const [name, second] = args;
  if (flags.has('delete') && flags.has('move')) {
    throw new DmError('usage', 'BOTH_FLAGS', 'A branch is deleted with -d or renamed with -m, not both.');
  }
  if ((flags.has('delete') || flags.has('move')) && name === undefined) throw noName();
  const target = await chooseTarget(context);
  if (name === undefined) await list(context, target);
  else if (flags.has('delete')) await remove(context, target, name, second);
  else if (flags.has('move')) await rename(context, target, name, second);
  else {
    const id = await makeBranch(target, name, second);
    show(context, { json: { ...target.dot, branch: name, id } });
  }
}

async function list(context: Context, { client, dotRef, dot, remote }: Target): Promise<void> {
  const current = currentBranch(remote, dot);
  const names = await branchesOf(client, dotRef);
  const paint = painter(context.io);
  show(context, {
    json: names.map(name => ({ name, current: name === current })),
    fields: names.map(name => [name, ...(name === current ? ['current'] : [])]),
    text: names
      .map(name => (name === current ? `* ${paint('green', printable(name))}\n` : `  ${printable(name)}\n`))
      .join(''),
  });
}

async function remove(context: Context, target: Target, name: string, more?: string): Promise<void> {
  if (more !== undefined) {
    throw new DmError('usage', 'TOO_MANY_ARGUMENTS', `Too many arguments, from '${printable(more)}' on.`, {
      hint: 'Usage: dm branch -d NAME, one at a time.',
    });
  }
  await refuseUnknown(target, name);
  if (name === currentBranch(target.remote, target.dot)) {
    throw new DmError('dot', 'BRANCH_CURRENT', `Branch ${printable(name)} is checked out.`, {
      hint: "'dm checkout master' first.",
    });
  }
  const ref = onBranch(target.dotRef, name);
  const commits = await ownCommits(target.client, ref);
  const { DirtyBytes } = await target.client.call('Get', await target.client.call('Lookup', ref));
  for (const commit of commits) context.note(`destroying: commit ${printable(commit.id)} ${titleOf(commit)}`);
  if (DirtyBytes > 0) context.note('destroying: uncommitted changes');
  await target.client.call('DeleteBranch', ref, { timeoutMs: TIMEOUT_MS });
  show(context, {
    json: { ...target.dot, branch: name, destroyed: { commits: commits.map(({ id }) => id) } },
  });
}

/** With one name it is the new one of the current branch. */
async function rename(context: Context, target: Target, first: string, second?: string): Promise<void> {
  const [from, to] = second === undefined ? [target.branch, first] : [first, second];
  const fault = newNameFault('branch', to);
  if (fault !== '') throw new DmError('usage', 'INVALID_NAME', fault);
  await refuseUnknown(target, from);
  await target.client.call('RenameBranch', { ...onBranch(target.dotRef, from), NewBranchName: to });
  if (currentBranch(target.remote, target.dot) === from) {
    await context.profile.update(profile => withCurrentBranch(profile, target.name, target.dot, to));
  }
  show(context, { json: { ...target.dot, from, branch: to } });
}

async function refuseUnknown({ client, dotRef }: Target, name: string): Promise<void> {
  checkName('branch', name);
  if (name === MASTER) {
    throw new DmError('dot', 'BRANCH_MASTER', 'The branch master can be neither deleted nor renamed.', {
      hint: "'dm dot delete' deletes the whole dot.",
    });
  }
  const names = await branchesOf(client, dotRef).catch(error => {
    if (isDmError(error, 'METHOD_MISSING')) return [MASTER];
    throw error;
  });
  if (names.includes(name)) return;
  throw new DmError('dot', 'NO_SUCH_BRANCH', `Branch does not exist: ${printable(name)}.`, {
    hint: "'dm branch' lists the branches.",
  });
}

function noName(): DmError {
  return new DmError('usage', 'TOO_FEW_ARGUMENTS', 'Please give me a branch name.', {
    hint: 'Usage: dm branch -d NAME, dm branch -m OLD NEW.',
  });
}

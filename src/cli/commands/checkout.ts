/**
 * `dm checkout [-b] NAME [COMMIT]`: another branch becomes the current one, here and, by the server, where the dot is
 * mounted. Silent on standard output. CLI reference §1.7.
 */

import { DmError, isDmError } from '../../lib/errors.ts';
import { checkName, MASTER, printable } from '../../model/names.ts';
import type { BranchRef } from '../../wire/methods.ts';
import type { Context } from '../command.ts';
import { branchesOf } from '../commits.ts';
import { makeBranch } from '../make-branch.ts';
import { formatSize } from '../print.ts';
import { withCurrentBranch } from '../profile.ts';
import { show } from '../show.ts';
import { chooseTarget, onBranch, type Target } from '../target.ts';

/** Milliseconds: containers and mounts, one after the other. */
const TIMEOUT_MS = 300_000;

export async function run(context: Context): Promise<void> {
  const [name, commit] = context.args;
  const create = context.flags.has('branch');
  if (name === undefined) {
    throw new DmError('usage', 'TOO_FEW_ARGUMENTS', 'Please give me a branch name.', {
      hint: "'dm branch' lists them; usage: dm checkout [-b] NAME [COMMIT]",
    });
  }
  if (commit !== undefined && !create) {
    throw new DmError('usage', 'TOO_MANY_ARGUMENTS', `Too many arguments, from '${printable(commit)}' on.`, {
      hint: `'dm checkout -b ${printable(name)} ${printable(commit)}' makes a branch of that commit.`,
    });
  }
  checkName('branch', name);
  const target = await chooseTarget(context);
  if (create) await makeBranch(target, name, commit);
  else await refuseUnknown(target, name);
  if (name !== target.branch) await tellWhatStays(context, target);
  const switched = await switchMounts(context, target, name, create);
  await context.profile.update(profile => withCurrentBranch(profile, target.name, target.dot, name));
  show(context, { json: { ...target.dot, branch: name, created: create, switched } });
}

async function refuseUnknown({ client, dotRef }: Target, name: string): Promise<void> {
  if (name === MASTER || (await branchesOf(client, dotRef)).includes(name)) return;
  throw new DmError('dot', 'NO_SUCH_BRANCH', `Branch does not exist: ${printable(name)}.`, {
    hint: `'dm checkout -b ${printable(name)}' makes it, 'dm branch' lists what there is.`,
  });
}

/** A branch that is gone, or a server that can not say, is no reason not to leave it. */
async function tellWhatStays(context: Context, { client, ref, branch }: Target): Promise<void> {
  try {
    const { DirtyBytes } = await client.call('Status', ref).catch(async error => {
      if (!isDmError(error, 'METHOD_MISSING')) throw error;
      return client.call('Get', await client.call('Lookup', ref));
    });
    if (!(DirtyBytes > 0)) return;
    const size = formatSize(DirtyBytes);
    context.note(`${size} of uncommitted changes stay on branch ${printable(branch)}.`);
  } catch (error) {
    if (!isDmError(error, 'RPC_ERROR')) throw error;
  }
}

/**
 * Whether the server has switched what is mounted. To users who may not ask for it the branch is current all the
 * same: it is where they commit. (The original records it, and then fails.)
 */
async function switchMounts(
  context: Context,
  { client, dotRef }: Target,
  name: string,
  created: boolean,
): Promise<boolean> {
  const Force = context.flags.has('force');
  try {
    await switchOn(context, client, { ...onBranch(dotRef, name), Force });
    return true;
  } catch (error) {
    if (isDmError(error, 'RPC_ERROR') && error.message.includes('is not admin user')) {
      context.note('What is mounted on the server was not switched: only the user admin may do that.');
      return false;
    }
    if (isDmError(error, 'METHOD_MISSING')) return false;
    if (created && isDmError(error)) {
      context.note(`Branch ${printable(name)} was made, but is not the current one.`);
    }
    throw error;
  }
}

/** Says who sees another branch still. An original server has the plain call only. */
async function switchOn(
  context: Context,
  client: Target['client'],
  ref: BranchRef & { Force: boolean },
): Promise<void> {
  const patience = { timeoutMs: TIMEOUT_MS };
  try {
    const { Pinned, LeftBehind } = await client.call('Checkout', ref, patience);
    for (const mountpoint of Pinned) {
      context.note(`${printable(mountpoint)} is mounted for one branch, and stays on it.`);
    }
    for (const { Pid, Command, Mountpoint } of LeftBehind) {
      const who = `${printable(Command)} (process ${Pid})`;
      context.note(`${who} sees the other branch still, at ${printable(Mountpoint)}: start it anew.`);
    }
  } catch (error) {
    if (!isDmError(error, 'METHOD_MISSING')) throw error;
    const { Branch: NewBranchName, ...rest } = ref;
    await client.call('SwitchContainers', { ...rest, NewBranchName }, patience);
  }
}

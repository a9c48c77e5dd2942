/**
 * `dm reset [--hard] COMMIT`: takes a branch back. Without --hard nothing is ever lost; with it, what is destroyed is
 * named on standard error before it is. CLI reference §1.7, where the original destroys in both cases.
 */

import { DmError, isDmError } from '../../lib/errors.ts';
import { MASTER, printable } from '../../model/names.ts';
import type { RollbackLosses } from '../../wire/methods.ts';
import type { Context } from '../command.ts';
import { type Commit, historyOf, resolveCommit, titleOf } from '../commits.ts';
import { formatSize } from '../print.ts';
import { show } from '../show.ts';
import { chooseTarget, type Target } from '../target.ts';

/** Milliseconds: destroying thousands of snapshots, and mounting again. */
const TIMEOUT_MS = 300_000;
/** Lines about commits; more are counted. */
const MOST_LINES = 50;

interface Losses {
  commits: { id: string; title: string }[];
  branches: string[];
  dirtyBytes: number;
  subdots: string[];
  processes: { pid: number; command: string }[];
}

export async function run(context: Context): Promise<void> {
  const [text = ''] = context.args;
  const hard = context.flags.has('hard');
  const force = context.flags.has('force');
  const target = await chooseTarget(context);
  const commit = await resolveCommit(target, text);
  if (commit.branch !== target.branch) throw inherited(commit, target);
  const losses = await lossesOf(target, commit, hard);
  const lost = sentencesOf(losses);
  if (!hard && lost.length > 0) {
    for (const line of lost) context.note(`would be lost: ${line}`);
    throw new DmError('dot', 'WOULD_LOSE', `A reset of ${target.shown} would destroy ${summary(losses)}.`, {
      hint: `'dm reset --hard ${printable(text)}' does it all the same.`,
    });
  }
  if (!force && losses.processes.length > 0) throw inUse(losses, target);
  for (const line of lost) context.note(`destroying: ${line}`);
  await target.client.call(
    'Rollback',
    {
      ...target.ref,
      SnapshotId: commit.id,
      ...(force ? { Force: true } : {}),
      ...(hard ? {} : { IfNothingLost: true }),
    },
    { timeoutMs: TIMEOUT_MS },
  );
  const { commits, branches, dirtyBytes, subdots } = losses;
  show(context, {
    json: {
      ...target.dot,
      branch: target.branch,
      id: commit.id,
      destroyed: { commits: commits.map(({ id }) => id), branches, dirtyBytes, subdots },
    },
  });
}

function inherited(commit: Commit, { shown, branch }: Target): DmError {
  return new DmError(
    'dot',
    'NOT_ITS_COMMIT',
    `Commit ${printable(commit.id)} was made on branch ${printable(commit.branch)}, and ${shown} can't go back to it.`,
    {
      hint:
        branch === MASTER
          ? `'dm reset --branch ${printable(commit.branch)}' resets that branch.`
          : `'dm checkout -b NAME ${printable(commit.id)}' makes a branch of it.`,
    },
  );
}

/** An older server can not say all of it: then only --hard goes on, and names what is known. */
async function lossesOf(target: Target, commit: Commit, hard: boolean): Promise<Losses> {
  try {
    const preview = await target.client.call('PreviewRollback', { ...target.ref, SnapshotId: commit.id });
    return readPreview(preview);
  } catch (error) {
    if (!isDmError(error, 'METHOD_MISSING')) throw error;
    if (!hard) {
      throw new DmError('dot', 'NO_PREVIEW', "This server can't say what a reset destroys.", {
        hint: `'dm reset --hard ${printable(commit.id)}' resets all the same.`,
        cause: error,
      });
    }
    return guessLosses(target, commit);
  }
}

function readPreview({ Commits, Branches, DirtyBytes, Subdots, Users }: RollbackLosses): Losses {
  return {
    commits: (Commits ?? []).map(({ Id, Metadata }) => ({
      id: printable(Id),
      title: titleOf({ id: Id, metadata: Metadata ?? {}, branch: '', tags: [] }),
    })),
    branches: (Branches ?? []).map(printable),
    dirtyBytes: Number(DirtyBytes),
    subdots: (Subdots ?? []).map(printable),
    processes: (Users ?? []).map(({ Pid, Command }) => ({ pid: Number(Pid), command: printable(Command) })),
  };
}

async function guessLosses({ client, ref }: Target, commit: Commit): Promise<Losses> {
  const history = await historyOf(client, ref);
  const volume = await client.call('Get', await client.call('Lookup', ref));
  const later = history.slice(history.findIndex(({ id }) => id === commit.id) + 1);
  return {
    commits: later.map(each => ({ id: printable(each.id), title: titleOf(each) })),
    branches: [],
    dirtyBytes: Number(volume.DirtyBytes),
    subdots: [],
    processes: [],
  };
}

/** Each loss on a line of its own. */
function sentencesOf({ commits, branches, dirtyBytes, subdots }: Losses): string[] {
  const more = commits.length - MOST_LINES;
  return [
    ...commits.slice(0, MOST_LINES).map(({ id, title }) => `commit ${id} ${title}`),
    ...(more > 0 ? [`${more} more ${more === 1 ? 'commit' : 'commits'}`] : []),
    ...branches.map(name => `branch ${name}, which grows from one of them`),
    ...(dirtyBytes > 0 ? [`${formatSize(dirtyBytes)} of uncommitted changes`] : []),
    ...subdots.map(name => `subdot ${name}, which the commit does not have; it will be empty`),
  ];
}

function summary({ commits, branches, dirtyBytes, subdots }: Losses): string {
  const parts = [
    counted(commits.length, 'commit', 'commits'),
    counted(branches.length, 'branch', 'branches'),
    counted(subdots.length, 'subdot', 'subdots'),
    dirtyBytes > 0 ? `${formatSize(dirtyBytes)} of uncommitted changes` : '',
  ].filter(part => part !== '');
  return parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}` : (parts[0] ?? '');
}

function counted(count: number, one: string, many: string): string {
  return count === 0 ? '' : `${count} ${count === 1 ? one : many}`;
}

function inUse({ processes }: Losses, { shown }: Target): DmError {
  const names = processes.map(({ pid, command }) => `${command} (${pid})`).join(', ');
  return new DmError('mount', 'IN_USE', `Files of ${shown} are open in ${names}.`, {
    hint: 'Stop what uses them; with --force what they write afterwards is lost or corrupt.',
    data: { processes },
  });
}

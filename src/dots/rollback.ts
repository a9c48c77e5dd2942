/**
 * Going back to a commit. All that would be lost is destroyed by name, leaves first, and nothing before it is known that
 * nobody uses it.
 */

import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { dotsRoot } from '../model/layout.ts';
import { MASTER, ROOT_SUBDOT } from '../model/names.ts';
import type { Process, RollbackLosses } from '../wire/methods.ts';
import { refreshMounts, shownBy } from './checkout.ts';
import { describe } from './commits.ts';
import { type Context, rootOf } from './context.ts';
import { destroyAll, release } from './delete-dot.ts';
import { ANYBODY, makeSubdot, missingIn, type Ownership, ownershipsOf } from './directories.ts';
import type { Commits } from './index.ts';
import { type Doomed, doomedBy, refuseLosses } from './losses.ts';
import { ensureMounted } from './mounting.ts';
import { type Entry, fullName } from './registry.ts';
import { setMark, tryClearMark } from './rollback-mark.ts';
import { withRoom } from './room.ts';
import { findFor, holding, inDot, inQueue } from './turn.ts';

export function createRollbacks(context: Context): Pick<Commits, 'previewRollback' | 'rollback'> {
  const { registry } = context;
  return {
    async previewRollback(caller, { SnapshotId, ...ref }) {
      const entry = findFor(caller, context, ref);
      const doomed = doomedBy(registry, entry, SnapshotId);
      const losses = await lossesOf(context, entry, doomed);
      const Subdots = await inQueue(context, entry, now => lostSubdots(context, now, SnapshotId));
      return { ...losses, Subdots, Users: await processesOf(context, entry) };
    },

    async rollback(caller, { SnapshotId, Force, IfNothingLost, ...ref }) {
      findFor(caller, context, ref);
      await inDot(context, ref, async () => {
        const entry = findFor(caller, context, ref);
        const { branches } = doomedBy(registry, entry, SnapshotId);
        await holding(context, [entry, ...branches], async () => {
          // Commits that waited before us are among them now.
          const doomed = doomedBy(registry, entry, SnapshotId);
          if (!Force) await refuseUsed(context, entry);
          if (IfNothingLost) refuseLosses(SnapshotId, await lossesOf(context, entry, doomed, 'held'));
          for (const { id } of [entry, ...doomed.branches]) await context.views.release(id);
          await release(context, doomed.branches);
          await goBack(context, entry, SnapshotId, doomed);
        });
      });
    },
  };
}

async function goBack(context: Context, entry: Entry, commit: string, doomed: Doomed): Promise<void> {
  const subdots = mountedSubdots(context, entry);
  const root = subdots.length > 0 ? await ensureMounted(context, entry) : rootOf(context, entry.id);
  const ownerships = subdots.length > 0 ? await ownershipsOf(root, subdots) : new Map<string, Ownership>();
  await setMark(context, entry, commit);
  try {
    await destroyAll(context, doomed.branches);
    await withRoom(context, () => context.zfs.rollback(entry.dataset, commit));
  } catch (error) {
    await lookAgain(context, entry);
    await tryClearMark(context, entry);
    throw error;
  }
  keepOnly(context, entry, entry.commits.slice(0, entry.commits.indexOf(commit) + 1));
  context.sizes.clean(entry.dataset);
  try {
    for (const subdot of subdots) await makeSubdot(root, subdot, ownerships.get(subdot) ?? ANYBODY);
    await refreshMounts(context, entry);
  } finally {
    await tryClearMark(context, entry);
  }
}

/** What failed may have destroyed some of the later commits. */
async function lookAgain(context: Context, entry: Entry): Promise<void> {
  try {
    const there = new Set((await context.zfs.snapshots(entry.dataset, { depth: 0 })).map(({ id }) => id));
    const left = entry.commits.filter(id => there.has(id));
    keepOnly(context, entry, left);
  } catch (error) {
    const facts = { dot: fullName(entry), reason: asDmError(error).message };
    context.log.error(facts, 'which commits are left after a rollback that failed is seen at the next start');
  }
}

function keepOnly(context: Context, entry: Entry, commits: readonly string[]): void {
  const left = new Set(commits);
  const gone = entry.commits.filter(id => !left.has(id));
  entry.commits = commits;
  entry.tags = new Map([...entry.tags].filter(([id]) => left.has(id)));
  context.metadata.forget(entry, gone);
}

/** Recorded mounts show them: they have to be there. */
function mountedSubdots({ registry, store }: Context, { id }: Entry): string[] {
  const subdots = Object.values(store.state.mounts)
    .filter(mount => shownBy(registry, store.state, mount)?.id === id && mount.subdot !== ROOT_SUBDOT)
    .map(({ subdot }) => subdot);
  return [...new Set(subdots)].sort();
}

/** Those that the commit lacks, as far as ZFS shows its files. */
async function lostSubdots(context: Context, entry: Entry, commit: string): Promise<string[]> {
  const subdots = mountedSubdots(context, entry);
  if (subdots.length === 0) return [];
  return (await missingIn(await ensureMounted(context, entry), commit, subdots)) ?? [];
}

/** `held`: the caller has the filesystem's queue, so commits are named by what is known of them. */
async function lossesOf(
  context: Context,
  entry: Entry,
  { commits, branches }: Doomed,
  held?: 'held',
): Promise<RollbackLosses> {
  const { zfs, pool, metadata } = context;
  await zfs.settle(dotsRoot(pool)).catch(error => {
    // A full pool can not always settle; what is known by then is enough.
    if (!isDmError(error, 'NO_SPACE')) throw error;
  });
  const size = (await zfs.sizes(entry.dataset)).get(entry.dataset);
  const known = (Id: string) => ({ Id, Metadata: metadata.known(entry, Id) ?? {} });
  return {
    Commits: held ? commits.map(known) : await describe(context, entry, commits),
    Branches: branches.map(({ branch }) => branch),
    DirtyBytes: size?.dirty ?? 0,
    Subdots: [],
    Users: [],
  };
}

async function processesOf({ usersOf, ...context }: Context, entry: Entry): Promise<Process[]> {
  const users = (await usersOf?.(rootOf(context, entry.id))) ?? [];
  return users.map(({ pid, command }) => ({ Pid: pid, Command: command }));
}

/** A rollback under open files succeeds in ZFS, and what they write next is written into files of another time. */
async function refuseUsed(context: Context, entry: Entry): Promise<void> {
  const users = await processesOf(context, entry);
  if (users.length === 0) return;
  const who = users.map(({ Pid, Command }) => `${Command} (process ${Pid})`).join(', ');
  const message = `The branch ${entry.branch || MASTER} of ${fullName(entry)} is in use: ${who}.`;
  throw new DmError('dot', 'DOT_IN_USE', message, {
    hint: 'Stop what uses it, or go back all the same with --force: what then writes on may damage its files.',
    data: { users },
  });
}

/** Those that a cut stopped: decided is decided. At a start, one after the other, before anybody else is at work. */
export async function finishRollbacks(
  context: Context,
  rollbacks: readonly { entry: Entry; commit: string }[],
): Promise<void> {
  for (const { entry, commit } of rollbacks) {
    const facts = { dot: fullName(entry), branch: entry.branch, commit };
    try {
      const doomed = doomedBy(context.registry, entry, commit);
      await holding(context, [entry], () => goBack(context, entry, commit, doomed));
      context.log.info(facts, 'a rollback that was cut is finished');
    } catch (error) {
      context.log.error({ ...facts, reason: asDmError(error).message }, 'a rollback can not be finished');
    }
  }
}

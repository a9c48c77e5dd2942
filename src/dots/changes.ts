/** The files that differ between a commit and a later one, or between a commit and now. */

import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import type { Context } from './context.ts';
import { ensureMounted } from './mounting.ts';
import { idKey } from './queue.ts';
import type { Entry } from './registry.ts';
import { type Change, diffTrees } from './tree-diff.ts';
import { changesOf } from './zfs-changes.ts';

/** A commit, and the filesystem that it is a snapshot of. */
export interface Place {
  entry: Entry;
  commit: string;
}

/** Bookkeeping at the root of a dot, no data of the user's: §4.3; and directories that are being made. */
const isData = (name: string) =>
  name !== 'dotmesh.metadata' && name !== 'dm.s3-versions' && !name.startsWith('.dm-new-');

/**
 * A commit of the branch: its own, or one that it inherited.
 *
 * @throws DmError dot/COMMIT_MISSING in the original's words
 */
export function findCommit({ registry }: Pick<Context, 'registry'>, entry: Entry, commit: string): Place {
  const seen = new Set<string>();
  let at: Entry | undefined = entry;
  let commits: readonly string[] = entry.commits;
  while (at && !seen.has(at.id)) {
    if (commits.includes(commit)) return { entry: at, commit };
    seen.add(at.id);
    const { origin }: Entry = at;
    at = origin && registry.byId(origin.filesystemId);
    const last = at && origin ? at.commits.indexOf(origin.snapshotId) : -1;
    commits = at?.commits.slice(0, last + 1) ?? [];
  }
  throw commitMissing(entry.id, commit);
}

export function commitMissing(id: string, commit: string): DmError {
  const message = `Cannot find commit with id ${commit} for filesystem ${id}`;
  return new DmError('dot', 'COMMIT_MISSING', message);
}

/** The newest commit of the branch, which may be the one that it grew from; undefined when there is none. */
export function newestCommit({ registry }: Pick<Context, 'registry'>, entry: Entry): Place | undefined {
  const own = entry.commits.at(-1);
  if (own !== undefined) return { entry, commit: own };
  const parent = entry.origin && registry.byId(entry.origin.filesystemId);
  return parent && entry.origin ? { entry: parent, commit: entry.origin.snapshotId } : undefined;
}

/**
 * What changed on the branch `entry` from a commit to another, or to now. Paths relative to the dot's root, sorted.
 * Call it from no queue: it takes its turn for the mounts, and none while it compares.
 */
export async function findChanges(
  context: Context,
  entry: Entry,
  from: Place,
  to: Place | undefined,
): Promise<Change[]> {
  const mount = (one: Entry) => context.queues.run(idKey(one.id), () => ensureMounted(context, one));
  const target = to?.entry ?? entry;
  const root = await mount(target);
  const since = Math.min(await createdAt(context, from), to ? await createdAt(context, to) : Infinity);
  return context.views.use(from.entry, from.commit, before => {
    const compare = (after: string) =>
      compareStates(context, { from, to, target, root, since, before, after });
    return to ? context.views.use(to.entry, to.commit, compare) : compare(root);
  });
}

/** When the commit was made, in whole seconds since 1970. */
export async function createdAt({ zfs }: Pick<Context, 'zfs'>, { entry, commit }: Place): Promise<number> {
  const { creation } = await zfs.get(`${entry.dataset}@${commit}`, ['creation']);
  return Number(creation) || 0;
}

interface States {
  from: Place;
  to: Place | undefined;
  target: Entry;
  /** Where `target` is mounted. */
  root: string;
  /** When the older of the two was made. */
  since: number;
  before: string;
  after: string;
}

async function compareStates({ zfs, log }: Context, states: States): Promise<Change[]> {
  const { from, to, target, root, since, before, after } = states;
  if (zfs.capabilities.diff) {
    try {
      const snapshot = `${from.entry.dataset}@${from.commit}`;
      const rows = await zfs.diff(snapshot, to ? `${target.dataset}@${to.commit}` : target.dataset);
      return await changesOf(rows, root, before, after, since, isData);
    } catch (error) {
      // From a newer commit to an older one, or what it says of itself it can't determine.
      if (!isDmError(error, 'ZFS_FAILED')) throw error;
      log.debug({ reason: asDmError(error).message }, 'zfs diff gives no answer: the files are compared');
    }
  }
  return diffTrees(before, after, since, isData);
}

/** Commits: making them, listing them. The snapshot makes the commit; it holds the file with its metadata. */

import { randomUUID } from 'node:crypto';
import { DmError, isDmError } from '../lib/errors.ts';
import { type Metadata, readGiven, timestampAfter } from '../model/commit.ts';
import type { Snapshot } from '../wire/methods.ts';
import { readMetadata, removeMetadata, writeMetadata } from './commit-files.ts';
import type { Context } from './context.ts';
import { asSpaceError } from './directories.ts';
import { newestOf, stretchesOf } from './history.ts';
import type { Caller, Commits } from './index.ts';
import { ensureMounted } from './mounting.ts';
import { type Entry, fullName } from './registry.ts';
import { clearMark } from './rollback-mark.ts';
import { tagsOf } from './tag-places.ts';
import { findByIdFor, findFor, inQueue } from './turn.ts';

export function createCommits(context: Context): Pick<Commits, 'commit' | 'list' | 'listById' | 'history'> {
  return {
    async commit(caller, params) {
      const entry = findFor(caller, context, params);
      const { id, metadata } = readGiven(params.Metadata ?? {}, params.Message);
      const all = { author: authorOf(caller), message: params.Message, ...metadata };
      return inQueue(context, entry, now => commit(context, now, id, all));
    },
    list: async (caller, ref) => snapshotsOf(context, findFor(caller, context, ref)),
    listById: async (caller, id) => snapshotsOf(context, findByIdFor(caller, context, id)),
    async history(caller, ref) {
      const stretches = stretchesOf(context.registry, findFor(caller, context, ref));
      const found = [];
      for (const { owner, commits } of stretches) {
        const snapshots = await describe(context, owner, commits);
        found.push(...snapshots.map(one => ({ ...one, Branch: owner.branch, Tags: tagsOf(owner, one.Id) })));
      }
      return found;
    },
  };
}

/** As the caller gave it when he came in; on the socket nobody gives one. */
function authorOf({ user, login }: Caller): string {
  return login ?? user.Name;
}

const snapshotsOf = (context: Context, entry: Entry) => describe(context, entry, entry.commits);

/** Commits of one filesystem with their metadata; out of its queue when all of them are known. */
export async function describe(
  context: Context,
  entry: Entry,
  commits: readonly string[],
): Promise<Snapshot[]> {
  const { metadata } = context;
  const isKnown = commits.every(commit => metadata.known(entry, commit));
  const found = isKnown
    ? commits.map(commit => metadata.known(entry, commit) ?? {})
    : await inQueue(context, entry, now => metadata.read(context, now, commits));
  return commits.map((Id, at) => ({ Id, Metadata: found[at] ?? {} }));
}

async function commit(
  context: Context,
  entry: Entry,
  wanted: string | undefined,
  given: Metadata,
): Promise<string> {
  const id = wanted ?? randomUUID();
  if (wanted !== undefined) refuseTaken(context, entry, wanted);
  await clearMark(context, entry);
  const root = await ensureMounted(context, entry);
  const before = await timestampBefore(context, entry, root);
  const metadata = { ...given, timestamp: timestampAfter(Date.now(), before) };
  try {
    await writeMetadata(root, id, metadata);
    await context.zfs.snapshot(entry.dataset, id);
  } catch (error) {
    throw await undone(context, { entry, root, id }, error);
  }
  entry.commits = [...entry.commits, id];
  context.metadata.remember(entry, id, sorted(metadata));
  context.sizes.clean(entry.dataset);
  return id;
}

/** One id, one commit in a dot: a branch holds the metadata of what it inherited beside its own. */
function refuseTaken({ registry }: Context, entry: Entry, id: string): void {
  if (!registry.ofDot(entry.dot).some(({ commits }) => commits.includes(id))) return;
  throw taken(entry, id);
}

function taken(entry: Entry, id: string, cause?: unknown): DmError {
  const message = `There is a commit ${id} in ${fullName(entry)} already.`;
  return new DmError('dot', 'COMMIT_EXISTS', message, { hint: 'Give another #commit-id, or none.', cause });
}

async function timestampBefore(context: Context, entry: Entry, root: string): Promise<string | undefined> {
  const newest = newestOf(context.registry, entry);
  if (!newest) return undefined;
  const { owner, commit } = newest;
  const known = context.metadata.known(owner, commit);
  if (known) return known.timestamp;
  // A branch holds the file of what it grew from, too: the queue of that one is not ours.
  if (owner !== entry) return (await readMetadata(root, [commit])).get(commit)?.timestamp;
  const [found] = await context.metadata.read(context, entry, [commit]);
  return found?.timestamp;
}

/** Nothing half made: the file of a commit that is none goes again. */
async function undone(
  context: Context,
  { entry, root, id }: { entry: Entry; root: string; id: string },
  error: unknown,
): Promise<unknown> {
  if (isDmError(error, 'DATASET_EXISTS')) return taken(entry, id, error);
  await removeMetadata(root, id).catch(failure => {
    context.log.warn(
      { dot: fullName(entry), commit: id, err: failure },
      'the file of a failed commit is left',
    );
  });
  const cause = asSpaceError(error);
  if (!isDmError(cause, 'NO_SPACE')) return cause;
  const message = `There is no space for a commit of ${fullName(entry)}: the pool, or a quota on it, is full.`;
  return new DmError('zfs', 'NO_SPACE', message, {
    hint: 'Make room: delete files that no commit holds, dots or branches, or go back with "dm reset --hard".',
    cause: error,
  });
}

/** As it is read from the file. */
const sorted = (metadata: Metadata): Metadata =>
  Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));

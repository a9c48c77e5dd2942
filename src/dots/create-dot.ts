/**
 * A new dot, and one whose creation a power cut stopped: §2.1 Create. The first snapshot is what makes it
 * complete.
 */

import { randomUUID } from 'node:crypto';
import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { timestampAfter } from '../model/commit.ts';
import { DEFAULT_SUBDOT } from '../model/names.ts';
import type { DotRef } from '../wire/methods.ts';
import { claimProperties } from './claims.ts';
import { writeMetadata } from './commit-files.ts';
import type { Context } from './context.ts';
import { ANYBODY, asSpaceError, makeSubdot, removeEmpty } from './directories.ts';
import { entryValues } from './keyspace.ts';
import { ensureMounted } from './mounting.ts';
import { newEntry } from './new-entry.ts';
import { idKey } from './queue.ts';
import { type Entry, fullName } from './registry.ts';

/**
 * Makes dataset, `__default__` and initial commit. Call it from the name's queue, after the checks.
 *
 * @throws DmError of ZFS's kind and code (zfs/NO_SPACE…): what was made is gone again
 */
export async function createDot(context: Context, { Namespace, Name }: DotRef): Promise<Entry> {
  const entry = newEntry(context, { namespace: Namespace, name: Name });
  try {
    await context.zfs.create(entry.dataset, {
      ...claimProperties(entry),
      mountpoint: entry.mountpoint,
      atime: 'off',
    });
    await commitInitially(context, entry);
  } catch (error) {
    throw await undone(context, entry, error);
  }
  await register(context, entry);
  return entry;
}

/** Completes a dot that has no commit yet; call it from the name's queue. */
export async function finishDot(context: Context, entry: Entry): Promise<void> {
  await context.queues.run(idKey(entry.id), () => commitInitially(context, entry));
  await register(context, entry);
}

async function commitInitially(context: Context, entry: Entry): Promise<void> {
  const root = await ensureMounted(context, entry);
  await makeSubdot(root, DEFAULT_SUBDOT, ANYBODY);
  const commit = randomUUID();
  const metadata = {
    author: 'admin',
    message: 'Initial commit',
    timestamp: timestampAfter(Date.now(), undefined),
    type: 'dotmesh.initial',
  };
  await writeMetadata(root, commit, metadata);
  await context.zfs.snapshot(entry.dataset, commit);
  entry.commits = [commit];
  context.metadata.remember(entry, commit, metadata);
}

async function register(context: Context, entry: Entry): Promise<void> {
  context.registry.put(entry);
  await context.index.write(entryValues(entry, [], context.nodeId).map(put => ({ put })));
}

/** Destroys what was made of it: the dataset has an id that nobody but this call has used. */
async function undone(context: Context, entry: Entry, error: unknown): Promise<DmError> {
  const cause = asDmError(asSpaceError(error));
  const start = `Could not create volume ${fullName(entry)}: ${cause.message}`;
  const details = { hint: cause.hint, data: cause.data, cause };
  try {
    if (!isDmError(error, 'DATASET_EXISTS')) {
      await context.zfs.unmount(entry.dataset);
      await context.zfs.destroy(entry.dataset);
    }
    await removeEmpty(entry.mountpoint);
  } catch (failure) {
    if (!isDmError(failure, 'DATASET_MISSING')) {
      const reason = asDmError(failure).message;
      context.log.error(
        { dataset: entry.dataset, reason },
        'a dot that could not be created could not be removed',
      );
      const more = `${entry.dataset} is left behind; it is completed at the next start`;
      return new DmError(cause.kind, cause.code, `${start} (${more})`, details);
    }
  }
  return new DmError(cause.kind, cause.code, start, details);
}

/**
 * A dot copied with all its commits into a dot of its own: §2.1 Fork. The copy is made where no dot lies and becomes
 * one by a rename when it is whole and carries its name: a cut before leaves something that the next start removes.
 */

import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { incomingRoot } from '../model/layout.ts';
import type { DotRef } from '../wire/methods.ts';
import type { Snapshot } from '../zfs/index.ts';
import { claimProperties } from './claims.ts';
import type { Context } from './context.ts';
import { entryValues } from './keyspace.ts';
import { newEntry } from './new-entry.ts';
import { type Entry, fullName } from './registry.ts';

/**
 * Call it from the queue of the new name, after the checks. The source may be used meanwhile.
 *
 * @throws DmError of ZFS's: nothing of the copy is left
 */
export async function forkDot(context: Context, source: Entry, { Namespace, Name }: DotRef): Promise<Entry> {
  const { zfs, pool, nodeId, registry, index } = context;
  const [first, last] = [source.commits[0], source.commits.at(-1)];
  if (first === undefined || last === undefined) {
    throw new DmError('dot', 'NO_COMMITS', `${fullName(source)} has no commit to fork from.`, {
      hint: 'Commit first.',
    });
  }
  const entry = newEntry(
    context,
    { namespace: Namespace, name: Name },
    { fork: { id: source.id, commit: last }, commits: [...source.commits] },
  );
  const incoming = `${incomingRoot(pool)}/${entry.id}`;
  try {
    await makeIncomingRoot(context);
    await zfs.copy(source.dataset, { first, last }, incoming);
    await copyMetadata(context, source, entry, incoming);
    const { mountpoint } = entry;
    await zfs.set(incoming, { canmount: 'noauto', mountpoint, atime: 'off', ...claimProperties(entry) });
    await zfs.rename(incoming, entry.dataset);
  } catch (error) {
    await zfs.destroy(incoming).catch(failure => {
      if (isDmError(failure, 'DATASET_MISSING')) return;
      const reason = asDmError(failure).message;
      context.log.error({ dataset: incoming, reason }, 'a copy that failed is removed at the next start');
    });
    throw error;
  }
  registry.put(entry);
  await index.write(entryValues(entry, [], nodeId).map(put => ({ put })));
  return entry;
}

async function makeIncomingRoot({ zfs, pool }: Context): Promise<void> {
  await zfs.create(incomingRoot(pool), { mountpoint: 'none' }).catch(error => {
    if (!isDmError(error, 'DATASET_EXISTS')) throw error;
  });
}

/** What an older kind of commit, or a tag, has as properties. Whether all commits arrived is judged by their guids. */
async function copyMetadata(
  { zfs }: Context,
  source: Entry,
  { commits }: Entry,
  incoming: string,
): Promise<void> {
  const read = async (name: string) =>
    new Map((await zfs.snapshots(name, { depth: 0, metadata: true })).map(one => [one.id, one]));
  const [before, after] = [await read(source.dataset), await read(incoming)];
  for (const commit of commits) {
    const original: Snapshot | undefined = before.get(commit);
    if (!original || original.guid !== after.get(commit)?.guid) {
      throw new DmError(
        'zfs',
        'COPY_INCOMPLETE',
        `The commit ${commit} of ${fullName(source)} was not copied.`,
        {
          hint: 'It may have been rolled back meanwhile. Try again.',
        },
      );
    }
    if (Object.keys(original.properties).length === 0) continue;
    await zfs.set(`${incoming}@${commit}`, original.properties);
  }
}

/** At the start of a server, before anything is received: what a cut left half copied goes. */
export async function removeIncoming({
  zfs,
  pool,
  log,
}: Pick<Context, 'zfs' | 'pool' | 'log'>): Promise<void> {
  try {
    const root = incomingRoot(pool);
    for (const { name } of await zfs.filesystems(root)) {
      if (name === root) continue;
      await zfs.destroy(name);
      log.info({ dataset: name }, 'a copy that was cut is removed');
    }
  } catch (error) {
    log.error({ reason: asDmError(error).message }, 'a copy that was cut can not be removed');
  }
}

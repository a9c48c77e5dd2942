/** New names for branches and dots. ZFS first, in one step that decides; then links, state.json, the index. */

import { asDmError } from '../lib/errors.ts';
import { PROPERTY } from '../model/layout.ts';
import { type Context, linkOf } from './context.ts';
import { moveLink } from './directories.ts';
import { allValues } from './keyspace.ts';
import { withMountNames } from './mount-names.ts';
import { type Entry, fullName } from './registry.ts';

/** Call it from the queues of the dot's name and of the filesystem. */
export async function renameBranch(context: Context, entry: Entry, branch: string): Promise<void> {
  await context.zfs.set(entry.dataset, { [PROPERTY.branch]: branch });
  await giveNames(context, [entry], { branch });
}

/**
 * Call it from the queues of both names and of the dot's filesystems. Namespace and name are two properties: the mark
 * that is set before them and taken away after them is what decides.
 */
export async function renameDot(
  context: Context,
  master: Entry,
  names: { namespace: string; name: string },
): Promise<void> {
  const { zfs, registry } = context;
  await zfs.set(master.dataset, { [PROPERTY.renaming]: fullName(names) });
  try {
    await setNames(context, master, names);
    await zfs.inherit(master.dataset, [PROPERTY.renaming]);
  } catch (error) {
    await takeBack(context, master);
    throw error;
  }
  const entries = registry.ofDot(master.dot);
  for (const branch of entries.filter(entry => entry !== master)) {
    // Their master's name counts: what can not be written now is set right at the next start.
    await setNames(context, branch, names).catch(error => {
      context.log.warn(
        { dataset: branch.dataset, reason: asDmError(error).message },
        'a branch keeps the old name',
      );
    });
  }
  await giveNames(context, entries, names);
}

async function setNames(
  { zfs }: Context,
  { dataset }: Entry,
  { namespace, name }: { namespace: string; name: string },
): Promise<void> {
  await zfs.set(dataset, { [PROPERTY.namespace]: namespace, [PROPERTY.name]: name });
}

async function takeBack(context: Context, master: Entry): Promise<void> {
  try {
    await setNames(context, master, master);
    await context.zfs.inherit(master.dataset, [PROPERTY.renaming]);
  } catch (error) {
    const reason = asDmError(error).message;
    context.log.error({ dot: fullName(master), reason }, 'the renaming is finished at the next start');
  }
}

/** All that follows ZFS. */
async function giveNames(
  context: Context,
  entries: readonly Entry[],
  names: Partial<Pick<Entry, 'namespace' | 'name' | 'branch'>>,
): Promise<void> {
  const { registry, store, index, nodeId } = context;
  const values = () => allValues(entries, { ...store.state, users: [] }, nodeId);
  const before = values();
  const links = entries.map(entry => linkOf(context, entry));
  for (const entry of entries) registry.remove(entry);
  for (const entry of entries) registry.put(Object.assign(entry, names));
  for (const [at, entry] of entries.entries()) await moveLink(links[at] ?? '', linkOf(context, entry));
  await store.change(state => withMountNames(state, registry));
  const after = values();
  const kept = new Set(after.map(({ key }) => key));
  const gone = before.filter(({ key }) => !kept.has(key));
  await index.write([...gone.map(({ key }) => ({ delete: key })), ...after.map(put => ({ put }))]);
}

/**
 * The end of a dot: all its branches, leaves first, then itself; or of one branch. Decided once, it is finished, also
 * over a power cut.
 */

import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { PROPERTY } from '../model/layout.ts';
import { MASTER } from '../model/names.ts';
import { type Context, linkOf, rootOf } from './context.ts';
import { removeEmpty, unlinkDot } from './directories.ts';
import { entryValues, mountKey } from './keyspace.ts';
import { leavesFirst } from './reconcile.ts';
import { type Entry, fullName } from './registry.ts';
import { withRoom } from './room.ts';
import { member, withoutFilesystems } from './state.ts';
import { deviceAt, mountsOf, type Place } from './where-mounted.ts';

/**
 * Call it from the queues of the dot's name and of its filesystems.
 *
 * @throws DmError dot/DOT_IN_USE (names who), and of ZFS's
 */
export async function deleteDot(context: Context, master: Entry): Promise<void> {
  await deleteAll(context, master, leavesFirst(context.registry.ofDot(master.dot)));
}

/**
 * A branch that none grows from. Call it from the same queues.
 *
 * @throws DmError dot/BRANCH_HAS_BRANCHES, dot/DOT_IN_USE, and of ZFS's
 */
export async function deleteBranch(context: Context, branch: Entry): Promise<void> {
  if (member(context.store.state.checkedOut, branch.dot) === branch.id) {
    const message = `The branch ${branch.branch} can not be deleted: it is checked out.`;
    throw new DmError('dot', 'BRANCH_CHECKED_OUT', message, { hint: 'Check out another one first.' });
  }
  const grown = context.registry.all().filter(({ origin }) => origin?.filesystemId === branch.id);
  if (grown.length > 0) {
    const names = grown.map(other => other.branch || fullName(other)).sort();
    const message = `The branch ${branch.branch} can not be deleted: ${names.join(', ')} grew from it.`;
    throw new DmError('dot', 'BRANCH_HAS_BRANCHES', message, {
      hint: 'Delete those first.',
      data: { branches: names },
    });
  }
  await deleteAll(context, branch, [branch]);
}

/** The mark is on `marked`: what it says is to be deleted are these. */
async function deleteAll(context: Context, marked: Entry, entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) await context.views.release(entry.id);
  await release(context, entries);
  await decide(context, marked);
  try {
    await destroyAll(context, entries);
  } catch (error) {
    await takeBack(context, marked, entries);
    throw isDmError(error, 'DATASET_BUSY') ? inUse(marked, usersIn(error)) : error;
  }
}

/** A full pool may have no room for the mark, and must be emptied all the same. */
async function decide(context: Context, marked: Entry): Promise<void> {
  const mark = { [PROPERTY.deleting]: 'true' };
  await withRoom(context, () => context.zfs.set(marked.dataset, mark)).catch(error => {
    if (!isDmError(error, 'NO_SPACE')) throw error;
    context.log.warn(
      { dataset: marked.dataset },
      'no space to mark the deletion: a power cut may stop it half way',
    );
  });
}

/**
 * Who was told that a deletion failed may go on using the dot: the next start must not finish it. Where
 * that can't be written, the dot is not mounted any more.
 */
async function takeBack(context: Context, marked: Entry, entries: readonly Entry[]): Promise<void> {
  try {
    await context.zfs.inherit(marked.dataset, [PROPERTY.deleting]);
  } catch (error) {
    const isThere = context.registry.byId(marked.id) !== undefined;
    for (const entry of entries) entry.deleting = true;
    const reason = asDmError(error).message;
    if (isThere)
      context.log.error({ dot: fullName(marked), reason }, 'the deletion is finished at the next start');
  }
}

/** Destroys filesystems in this order, then forgets them: state file, then index. */
export async function destroyAll(context: Context, entries: readonly Entry[]): Promise<void> {
  // A checkout may have led the master's link to a branch.
  const roots = entries.map(entry => rootOf(context, entry.id));
  for (const entry of entries) {
    await ignoreMissing(context.zfs.unmount(entry.dataset));
    await ignoreMissing(context.zfs.destroy(entry.dataset));
    context.registry.remove(entry);
    context.metadata.forgetAll(entry);
    await unlinkDot(linkOf(context, entry), roots);
    if (entry.branch === '') await unlinkDot(linkOf(context, { ...entry, branch: MASTER }), roots);
    await removeEmpty(rootOf(context, entry.id));
  }
  const ids = new Set(entries.map(entry => entry.id));
  const before = context.store.state.mounts;
  await context.store.change(state => withoutFilesystems(state, ids));
  const after = context.store.state.mounts;
  const unmounted = Object.keys(before).filter(mountpoint => !(mountpoint in after));
  const keys = [
    ...entries.flatMap(entry => entryValues(entry, [], context.nodeId)).map(({ key }) => key),
    ...unmounted.map(mountpoint => mountKey(context.nodeId, mountpoint)),
  ];
  await context.index.write(keys.map(key => ({ delete: key })));
}

async function ignoreMissing(work: Promise<void>): Promise<void> {
  await work.catch(error => {
    if (!isDmError(error, 'DATASET_MISSING')) throw error;
  });
}

/**
 * Unmounts each where it belongs, then looks who has it mounted elsewhere: nothing is destroyed before all
 * is free. What was unmounted in vain is mounted when it is needed.
 */
export async function release(context: Context, entries: readonly Entry[]): Promise<void> {
  const devices = new Map<string, string | undefined>();
  for (const entry of entries) {
    const root = rootOf(context, entry.id);
    const device = await deviceAt(root);
    devices.set(entry.id, device);
    const others = (await mountsOf(entry.dataset, device)).filter(place => place.mountpoint !== root);
    if (others.length > 0) throw inUse(entry, others.map(placeText));
  }
  for (const entry of entries) {
    try {
      await ignoreMissing(context.zfs.unmount(entry.dataset));
    } catch (error) {
      if (!isDmError(error, 'DATASET_BUSY')) throw error;
      const known = usersIn(error);
      const users =
        known.length > 0 ? known : ((await context.usersOf?.(rootOf(context, entry.id))) ?? []).map(asText);
      throw inUse(entry, users);
    }
    const left = await mountsOf(entry.dataset, devices.get(entry.id));
    if (left.length > 0) throw inUse(entry, left.map(placeText));
  }
}

function placeText({ mountpoint, seenBy }: Place): string {
  return `the mount at ${mountpoint}${seenBy && ` that ${seenBy} sees`}`;
}

function usersIn(error: unknown): string[] {
  const users = isDmError(error) ? error.data.users : undefined;
  return Array.isArray(users) ? users.map(asText) : [];
}

function asText(user: unknown): string {
  const { pid, command } = Object(user) as { pid?: unknown; command?: unknown };
  return pid === undefined ? String(user) : `${command ?? 'process'} (process ${pid})`;
}

/** In the original's words, which its tests look for (§8.1), and then who it is. */
function inUse(entry: Entry, seen: readonly string[]): DmError {
  const users = seen.length > 0 ? seen : ['somebody who can not be seen from here'];
  const count = `${users.length} ${users.length === 1 ? 'container is' : 'containers are'}`;
  const message = `We cannot delete the volume ${entry.id} when ${count} still using it: ${users.join(', ')}.`;
  return new DmError('dot', 'DOT_IN_USE', message, {
    hint: 'Stop what uses it and unmount it, then delete it.',
    data: { users },
  });
}

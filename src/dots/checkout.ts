/**
 * What is checked out: the branch that the mounts of a dot on this machine show. Those made for one branch
 * (`dot@branch`) are pinned and stay. ZFS first, then the record, which a reboot goes by, then the mounts.
 */

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { asDmError, DmError } from '../lib/errors.ts';
import { ROOT_SUBDOT } from '../model/names.ts';
import type { SwitchRequest } from '../system/switch-mount.ts';
import type { Checkout } from '../wire/methods.ts';
import { bounded } from './bounded.ts';
import { type Context, linkOf, rootOf } from './context.ts';
import { linkDot, makeSubdot, type Ownership } from './directories.ts';
import { ensureMounted } from './mounting.ts';
import { idKey, nameKey } from './queue.ts';
import { type Entry, fullName, type Registry } from './registry.ts';
import { member, type State, type StoredMount } from './state.ts';

/** Changes what mountpoints show; undefined where nobody mounts (unit tests). */
export interface Switcher {
  /** Whether the mountpoint shows something of ours that is not what it shall show. */
  isStale(request: SwitchRequest): Promise<boolean>;
  hindrances(request: SwitchRequest): Promise<{ pid: number; command: string }[]>;
  switchMount(request: SwitchRequest): Promise<'kept' | 'switched' | 'absent'>;
  refreshMount(request: SwitchRequest): Promise<void>;
  leftBehind(
    old: readonly { source: string; root: string }[],
    wanted: { source: string; root: string },
  ): Promise<{ pid: number; command: string; mountpoint: string }[]>;
}

/** The branch that mounts of this dot show: what was checked out, as long as it is there, else master. */
export function checkedOut(registry: Registry, state: State, master: Entry): Entry {
  return registry.byId(member(state.checkedOut, master.dot) ?? '') ?? master;
}

/** The filesystem that a recorded mount shows; undefined when it is gone. */
export function shownBy(registry: Registry, state: State, mount: StoredMount): Entry | undefined {
  const entry = registry.byId(mount.filesystemId);
  return entry && mount.branch === '' ? checkedOut(registry, state, entry) : entry;
}

/**
 * Call it from the queue of the dot's name, with `branch` one of the dot's entries.
 *
 * @throws DmError dot/DOT_IN_USE (data.users), mount/PROCESSES_HIDDEN, what switching throws: every mount as it was
 */
export async function checkOut(context: Context, branch: Entry, force: boolean): Promise<Checkout> {
  const { registry, store } = context;
  const master = registry.byId(branch.dot) ?? branch;
  const before = checkedOut(registry, store.state, master);
  const recorded = Object.entries(store.state.mounts).filter(([, { filesystemId }]) =>
    registry.ofDot(branch.dot).some(({ id }) => id === filesystemId),
  );
  const following = recorded.filter(([, mount]) => mount.branch === '');
  const pinned = recorded.filter(([, mount]) => mount.branch !== '').map(([mountpoint]) => mountpoint);

  const requestsFor = (entry: Entry, isForced: boolean) =>
    following.map(([mountpoint, { subdot }]) => request(context, entry, mountpoint, subdot, isForced));
  const requests = requestsFor(branch, force);
  if (!force) await refuseInUse(context, branch, requests);
  await context.queues.run(idKey(branch.id), async () => {
    await ensureMounted(context, branch);
    for (const [, { subdot }] of following) await bringSubdot(context, before, branch, subdot);
  });
  await record(context, branch);
  const switched: string[] = [];
  try {
    for (const one of requests) {
      if ((await context.switcher?.switchMount(one)) === 'switched') switched.push(one.mountpoint);
    }
  } catch (error) {
    await record(context, before);
    for (const one of requestsFor(before, true)) {
      if (switched.includes(one.mountpoint)) await context.switcher?.switchMount(one);
    }
    throw error;
  }
  const root = rootOf(context, branch.id);
  await linkDot(linkOf(context, master), root, target => target !== root);
  return {
    Branch: branch.branch,
    Switched: switched.sort(),
    Pinned: pinned.sort(),
    LeftBehind: await leftBehind(context, branch, following),
  };
}

/** After a start: mounts that a cut left on another branch than the recorded one. What hinders is said. */
export async function finishCheckouts(context: Context): Promise<void> {
  const { registry, store, queues, log } = context;
  const unfinished = new Set<Entry>();
  for (const [mountpoint, mount] of Object.entries(store.state.mounts)) {
    const branch = mount.branch === '' ? shownBy(registry, store.state, mount) : undefined;
    if (!branch) continue;
    const isStale = await context.switcher?.isStale(
      request(context, branch, mountpoint, mount.subdot, false),
    );
    if (isStale) unfinished.add(branch);
  }
  for (const branch of unfinished) {
    try {
      await queues.run(nameKey(branch.namespace, branch.name), () => checkOut(context, branch, false));
    } catch (error) {
      const facts = { dot: fullName(branch), branch: branch.branch, reason: asDmError(error).message };
      log.warn(facts, 'a checkout that was cut could not be finished');
    }
  }
}

/**
 * After a rollback: a mount of a directory that the commit does not have shows nothing any more, though a new one has
 * its name. Call it from the filesystem's queue.
 */
export async function refreshMounts(context: Context, entry: Entry): Promise<void> {
  const { registry, store, switcher } = context;
  for (const [mountpoint, mount] of Object.entries(store.state.mounts)) {
    if (shownBy(registry, store.state, mount)?.id !== entry.id) continue;
    await switcher?.refreshMount(request(context, entry, mountpoint, mount.subdot, false));
  }
}

function request(
  context: Context,
  branch: Entry,
  mountpoint: string,
  subdot: string,
  force: boolean,
): SwitchRequest {
  const root = rootOf(context, branch.id);
  const ours = new Set(context.registry.ofDot(branch.dot).map(({ dataset }) => dataset));
  return {
    mountpoint,
    source: branch.dataset,
    ...(subdot === ROOT_SUBDOT
      ? { root: '/', path: root }
      : { root: `/${subdot}`, path: join(root, subdot) }),
    isOurs: source => ours.has(source),
    force,
  };
}

async function refuseInUse(
  context: Context,
  branch: Entry,
  requests: readonly SwitchRequest[],
): Promise<void> {
  for (const one of requests) {
    const users = (await context.switcher?.hindrances(one)) ?? [];
    if (users.length === 0) continue;
    const who = users.map(({ command, pid }) => `${command} (process ${pid})`).join(', ');
    const text = `${fullName(branch)} stays as it is: ${one.mountpoint} is in use by ${who}.`;
    throw new DmError('dot', 'DOT_IN_USE', text, {
      hint: 'Stop these programs and try again; with --force they go on with the files of the branch that they opened.',
      data: { users },
    });
  }
}

async function record({ store }: Context, { id, dot }: Entry): Promise<void> {
  if ((member(store.state.checkedOut, dot) ?? dot) === id) return;
  await store.change(state => {
    const { [dot]: _, ...others } = state.checkedOut;
    return { ...state, checkedOut: id === dot ? others : { ...others, [dot]: id } };
  });
}

/** A subdot that the branch does not have is made there, empty, as it is owned where it was seen before. */
async function bringSubdot(context: Context, before: Entry, branch: Entry, subdot: string): Promise<void> {
  if (subdot === ROOT_SUBDOT) return;
  const ownership = await ownershipOf(join(rootOf(context, before.id), subdot));
  await makeSubdot(rootOf(context, branch.id), subdot, ownership);
}

const ownershipOf = bounded(async (path: string): Promise<Ownership> => {
  const found = await lstat(path).catch(() => undefined);
  return { uid: found?.uid, gid: found?.gid, mode: found && found.mode & 0o7777 };
});

async function leftBehind(
  context: Context,
  branch: Entry,
  following: readonly (readonly [string, StoredMount])[],
): Promise<Checkout['LeftBehind']> {
  const others = context.registry.ofDot(branch.dot).filter(({ id }) => id !== branch.id);
  const found: Checkout['LeftBehind'] = [];
  for (const subdot of new Set(following.map(([, mount]) => mount.subdot))) {
    if (subdot === ROOT_SUBDOT) continue;
    const old = others.map(({ dataset }) => ({ source: dataset, root: `/${subdot}` }));
    const left = await context.switcher?.leftBehind(old, { source: branch.dataset, root: `/${subdot}` });
    found.push(
      ...(left ?? []).map(({ pid, command, mountpoint }) => ({
        Pid: pid,
        Command: command,
        Mountpoint: mountpoint,
      })),
    );
  }
  return found;
}

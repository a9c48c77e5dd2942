/**
 * What a mountpoint shows is changed while other mount namespaces have it bound. Who bound the very directory follows
 * only what is mounted over the mount that he bound, so that one, the first, stays below, and over it lies at most one
 * other. `mount --move` is refused below a shared mount, and unmounting the first would leave him on the old filesystem
 * without a word (mount_namespaces(7), and tried).
 */

import { readdir, readlink } from 'node:fs/promises';
import { DmError, isDmError } from '../lib/errors.ts';
import { readIfThere } from './files.ts';
import { type Mount, mountTable, pathInWhole } from './mount-table.ts';
import { bindApart, mountsAt, unmount, withMountLock } from './mounts.ts';
import { type User, usersOf } from './users.ts';

/** What shall be seen, as the mount table tells it: `source` the dataset, `root` the directory in it. */
export interface View {
  source: string;
  root: string;
}

export interface SwitchRequest extends View {
  mountpoint: string;
  /** That directory in the mount of the whole filesystem. */
  path: string;
  /** Whether what is mounted there from this source may be changed. */
  isOurs: (source: string) => boolean;
  /** Although files are open: what is open stays on the old filesystem. */
  force: boolean;
}

/** `absent`: nothing of ours is mounted there. */
export type Switched = 'kept' | 'switched' | 'absent';

/** Who still sees the old filesystem at a mountpoint of his. */
export interface LeftBehind extends User {
  mountpoint: string;
}

/** Whether something of ours is seen at the mountpoint that is not what shall be. */
export async function isStale(request: SwitchRequest): Promise<boolean> {
  const top = (await mountsAt(request.mountpoint)).at(-1);
  return top !== undefined && request.isOurs(top.source) && !shows(top, request);
}

/**
 * Who would hinder a switch. [] when there is nothing to switch.
 *
 * @throws DmError mount/PROCESSES_HIDDEN where processes of the host can not be seen
 */
export async function hindrances(request: SwitchRequest): Promise<User[]> {
  if (!(await isStale(request))) return [];
  const { mountpoint } = request;
  if (!(await seesAllProcesses())) {
    const text = `Who has files open at ${mountpoint} can not be seen from here: the server has a pid namespace of its own.`;
    throw new DmError('mount', 'PROCESSES_HIDDEN', text, {
      hint: 'Run the server with the pid namespace of the host (pid: host), or stop what uses the dot and use --force.',
    });
  }
  return usersOf(mountpoint, { scope: 'mount' });
}

/**
 * @throws DmError mount/UNMOUNT_BUSY (data.users), mount/MOUNTPOINT_TAKEN (something else lies on top),
 *   mount/MOUNT_FAILED, mount/NOT_VISIBLE; what was seen before is seen again
 */
export async function switchMount(request: SwitchRequest): Promise<Switched> {
  const { mountpoint, isOurs } = request;
  return withMountLock(async () => {
    const table = await mountTable();
    const layers = await mountsAt(mountpoint);
    const [top, base] = [layers.at(-1), layers.find(({ source }) => isOurs(source))];
    if (!top || !base) return 'absent';
    if (shows(top, request)) return 'kept';
    if (!isOurs(top.source)) {
      const text = `${mountpoint} has something else mounted on the dot: ${top.source}.`;
      throw new DmError('mount', 'MOUNTPOINT_TAKEN', text, { hint: 'Unmount that, then try again.' });
    }
    const own = layers.slice(layers.indexOf(base));
    // A first mount that is a peer of its filesystem's own would show there, too, what is mounted over it.
    const keep = isApart(base, table) ? 1 : 0;
    try {
      for (const _ of own.slice(keep)) await takeTop(request);
      if (!(await isSeen(request))) await bindApart(request.path, mountpoint);
      await checkSeen(request);
    } catch (error) {
      await bringBack(top, request, table);
      throw error;
    }
    return 'switched';
  });
}

/**
 * Mounts anew what shows a directory that was removed (the mount table then has `//deleted` behind its root); nothing
 * happens to a mount that is well, or where nothing of ours is mounted. Whoever bound that directory stays on it.
 *
 * @throws DmError mount/UNMOUNT_BUSY (data.users), mount/MOUNT_FAILED, mount/NOT_VISIBLE
 */
export async function refreshMount(request: SwitchRequest): Promise<void> {
  const { mountpoint, path, isOurs } = request;
  await withMountLock(async () => {
    const layers = (await mountsAt(mountpoint)).filter(({ source }) => isOurs(source));
    if (!layers.some(({ root }) => root.endsWith('//deleted'))) return;
    for (const _ of layers) await unmount(mountpoint);
    await bindApart(path, mountpoint);
    await checkSeen(request);
  });
}

async function takeTop({ mountpoint, force }: SwitchRequest): Promise<void> {
  try {
    await unmount(mountpoint);
  } catch (error) {
    // It stays below, for who has it open, until the next switch finds it free.
    if (!force || !isDmError(error, 'UNMOUNT_BUSY')) throw error;
  }
}

async function bringBack(top: Mount, request: SwitchRequest, table: readonly Mount[]): Promise<void> {
  if (await isSeen({ ...request, ...top })) return;
  const path = pathInWhole(top, table);
  if (path !== undefined) await bindApart(path, request.mountpoint).catch(() => undefined);
}

/** Whether no mount of the whole filesystem is its peer. Pure. */
function isApart(base: Mount, table: readonly Mount[]): boolean {
  return !table.some(
    ({ device, mountpoint, peerGroup }) =>
      device === base.device && mountpoint !== base.mountpoint && peerGroup && peerGroup === base.peerGroup,
  );
}

const shows = (mount: View, { source, root }: View): boolean =>
  mount.source === source && mount.root === root;

async function isSeen(request: Pick<SwitchRequest, 'mountpoint' | 'source' | 'root'>): Promise<boolean> {
  const top = (await mountsAt(request.mountpoint)).at(-1);
  return top !== undefined && shows(top, request);
}

async function checkSeen(request: SwitchRequest): Promise<void> {
  if (await isSeen(request)) return;
  const text = `After mounting ${request.source} at ${request.mountpoint} something else is seen there.`;
  throw new DmError('mount', 'NOT_VISIBLE', text);
}

/**
 * Programs that bound one of the old views in a way that follows nobody (private propagation): they see it still.
 * One process for each mount namespace.
 */
export async function leftBehind(old: readonly View[], wanted: View): Promise<LeftBehind[]> {
  const seen = new Set<string>();
  const found: LeftBehind[] = [];
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    // A process that ended meanwhile, or is a thread of the kernel, has no mounts.
    const namespace = await readlink(`/proc/${pid}/ns/mnt`).catch(() => '');
    if (namespace === '' || seen.has(namespace)) continue;
    seen.add(namespace);
    const places = staleAt(await mountTable(pid).catch(() => []), old, wanted);
    if (places.length === 0) continue;
    const command = ((await readIfThere(`/proc/${pid}/comm`).catch(() => '')) ?? '').trim();
    found.push(...places.map(mountpoint => ({ pid, command, mountpoint })));
  }
  return found;
}

/** Mountpoints whose topmost mount is one of the old views. Pure; the server's mounts of whole filesystems do not count. */
export function staleAt(table: readonly Mount[], old: readonly View[], wanted: View): string[] {
  const tops = new Map(table.map(mount => [mount.mountpoint, mount]));
  return [...tops.values()]
    .filter(mount => mount.root !== '/' && !shows(mount, wanted) && old.some(view => shows(mount, view)))
    .map(({ mountpoint }) => mountpoint);
}

/** The first pid namespace of a kernel has this number: PROC_PID_INIT_INO of linux/proc_ns.h. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

async function seesAllProcesses(): Promise<boolean> {
  return (await readlink('/proc/self/ns/pid').catch(() => '')) === FIRST_PID_NAMESPACE;
}

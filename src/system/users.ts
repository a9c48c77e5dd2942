/**
 * Who uses a mounted filesystem, told without touching the filesystem: a ZFS that hangs would take us with it.
 * Only /proc is read: mount ids of descriptors, device numbers of mapped files, and the paths of the other links
 * looked up in the process's own mount table. A process in another pid namespace is not seen (proc(5)).
 */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { within } from '../lib/retry.ts';
import { readIfThere } from './files.ts';
import { type Mount, mountsAt, mountTable } from './mount-table.ts';

export interface User {
  pid: number;
  command: string;
}

/** Reading the maps of a process may wait for its memory lock: what has not answered by then is left out. */
const ALL_PROCESSES_MS = 10_000;
const LINKS = ['cwd', 'root', 'exe'];

/**
 * Processes with working directory, root, program, descriptor or mapped file on the filesystem that is mounted at
 * `mountpoint`, also when they came by a bind mount of it or sit in another mount namespace.
 * `scope: 'mount'` leaves out those who came by another part of the filesystem: they do not hinder unmounting
 * this one. [] when nothing is mounted there.
 */
export async function usersOf(
  mountpoint: string,
  { scope = 'filesystem' }: { scope?: 'filesystem' | 'mount' } = {},
): Promise<User[]> {
  const target = (await mountsAt(mountpoint)).at(-1);
  if (!target) return [];
  const isTarget = (mount: Mount) =>
    mount.device === target.device && (scope === 'filesystem' || mount.root === target.root);
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const found = await Promise.all(
    pids.map(async (pid): Promise<User[]> => {
      if (!(await within(uses(pid, target.device, isTarget), ALL_PROCESSES_MS))) return [];
      const command = await readIfThere(`/proc/${pid}/comm`).catch(() => undefined);
      return command === undefined ? [] : [{ pid, command: command.trim() }];
    }),
  );
  return found.flat();
}

async function uses(pid: number, device: string, isTarget: (mount: Mount) => boolean): Promise<boolean> {
  try {
    await readlink(`/proc/${pid}/exe`); // A thread of the kernel has no program.
    const table = await mountTable(pid);
    const ids = new Set(table.filter(isTarget).map(mount => mount.id));
    if (ids.size === 0) return false;
    for (const link of LINKS) {
      const path = await readlink(`/proc/${pid}/${link}`).catch(() => '');
      const mount = mountOfPath(path, table);
      if (mount && ids.has(mount.id)) return true;
    }
    return (await hasDescriptor(pid, ids)) || mapsDevice(await readFile(`/proc/${pid}/maps`, 'utf8'), device);
  } catch {
    return false; // It ended while we looked, or is a thread of the kernel.
  }
}

async function hasDescriptor(pid: number, ids: ReadonlySet<number>): Promise<boolean> {
  for (const fd of await readdir(`/proc/${pid}/fdinfo`)) {
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
    const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
    if (id !== undefined && ids.has(Number(id))) return true;
  }
  return false;
}

/** The mount that a path lies on: of the longest mountpoint above it the newest. Pure. */
export function mountOfPath(path: string, table: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of table) {
    const above = mount.mountpoint === '/' ? '/' : `${mount.mountpoint}/`;
    if (path !== mount.mountpoint && !path.startsWith(above)) continue;
    if (!best || mount.mountpoint.length >= best.mountpoint.length) best = mount;
  }
  return best;
}

/** Whether /proc/PID/maps names a file on the device `major:minor` (decimal; maps has them in hexadecimal). Pure. */
export function mapsDevice(maps: string, device: string): boolean {
  return maps.split('\n').some(line => {
    const [major, minor] = (line.split(/\s+/)[3] ?? '').split(':');
    return (
      major !== undefined && minor !== undefined && `${parseInt(major, 16)}:${parseInt(minor, 16)}` === device
    );
  });
}

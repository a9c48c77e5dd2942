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

/**
 * Reading the maps of a process may wait for its memory lock: what has not answered by then is left out, and is not read
 * on, as an end of this process would wait for it (leave.ts).
 */
const ALL_PROCESSES_MS = 10_000;
const LINKS = ['cwd', 'root', 'exe'];

/** What counts as the same: all mounts of a filesystem, or those of the same part of it. */
type Scope = 'filesystem' | 'mount';

/**
 * Processes with working directory, root, program, descriptor or mapped file on the filesystem that is mounted at
 * `mountpoint`, also when they came by a bind mount of it or sit in another mount namespace.
 * `scope: 'mount'` leaves out those who came by another part of the filesystem: they do not hinder unmounting
 * this one. [] when nothing is mounted there.
 */
export async function usersOf(
  mountpoint: string,
  { scope = 'filesystem' }: { scope?: Scope } = {},
): Promise<User[]> {
  const target = (await mountsAt(mountpoint)).at(-1);
  return target ? ((await usersOfEach([target], { scope })).get(target.mountpoint) ?? []) : [];
}

/** The same for many mounts in one look at all processes; by mountpoint. */
export async function usersOfEach(
  targets: readonly Mount[],
  { scope }: { scope: Scope },
): Promise<Map<string, User[]>> {
  const keyOf = ({ device, root }: Mount) => (scope === 'filesystem' ? device : `${device} ${root}`);
  const wanted = new Set(targets.map(keyOf));
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const end = performance.now() + ALL_PROCESSES_MS;
  const goOn = () => {
    if (performance.now() > end) throw new Error('nobody waits for it any more');
  };
  const looks = pids.map(async pid => {
    const keys = await within(usedBy(pid, wanted, keyOf, goOn), ALL_PROCESSES_MS);
    if (keys === undefined || keys.size === 0) return [];
    const command = await readIfThere(`/proc/${pid}/comm`).catch(() => undefined);
    return command === undefined ? [] : [{ user: { pid, command: command.trim() }, keys }];
  });
  const found = (await Promise.all(looks)).flat();
  return new Map(
    targets.map(target => [
      target.mountpoint,
      found.filter(({ keys }) => keys.has(keyOf(target))).map(({ user }) => user),
    ]),
  );
}

/** The keys of those mounts that are wanted and that the process uses. */
async function usedBy(
  pid: number,
  wanted: ReadonlySet<string>,
  keyOf: (mount: Mount) => string,
  goOn: () => void,
): Promise<Set<string>> {
  try {
    await readlink(`/proc/${pid}/exe`); // A thread of the kernel has no program.
    goOn();
    const table = await mountTable(pid);
    const targets = table.filter(mount => wanted.has(keyOf(mount)));
    if (targets.length === 0) return new Set();
    const ids = await descriptorMounts(pid, goOn);
    for (const link of LINKS) {
      const mount = mountOfPath(await readlink(`/proc/${pid}/${link}`).catch(() => ''), table);
      if (mount) ids.add(mount.id);
    }
    goOn();
    const mapped = mappedDevices(await readFile(`/proc/${pid}/maps`, 'utf8'));
    return new Set(targets.filter(({ id, device }) => ids.has(id) || mapped.has(device)).map(keyOf));
  } catch {
    return new Set(); // It ended while we looked, or is a thread of the kernel.
  }
}

/** Ids of the mounts on which its descriptors are. */
async function descriptorMounts(pid: number, goOn: () => void): Promise<Set<number>> {
  const ids = new Set<number>();
  for (const fd of await readdir(`/proc/${pid}/fdinfo`)) {
    goOn();
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
    const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
    if (id !== undefined) ids.add(Number(id));
  }
  return ids;
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

/** Devices `major:minor` of the files in /proc/PID/maps (decimal, as mountinfo has them; maps writes hexadecimal). Pure. */
export function mappedDevices(maps: string): Set<string> {
  const devices = new Set<string>();
  for (const line of maps.split('\n')) {
    const [major, minor] = (line.split(/\s+/)[3] ?? '').split(':');
    if (major && minor) devices.add(`${parseInt(major, 16)}:${parseInt(minor, 16)}`);
  }
  return devices;
}

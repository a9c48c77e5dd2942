/**
 * Where a filesystem is mounted on this machine, in other mount namespaces (containers) too: `zfs destroy
 * -r` takes the snapshots before it finds the filesystem busy, so this is asked first. Mount tables tell
 * (proc(5), mountinfo: field 3 is the device, field 5 the mountpoint, the last but one the source); no file
 * of the dot is touched.
 */

import { readdir, readFile, readlink } from 'node:fs/promises';

export interface Place {
  mountpoint: string;
  /** `command (process PID)` of somebody who sees it; '' when we do. */
  seenBy: string;
}

interface Mount {
  device: string;
  /** The part of the filesystem that is seen; `/` is all of it. */
  root: string;
  mountpoint: string;
  source: string;
}

/** The device number of what is mounted at `mountpoint`, as the mount table has it, or undefined. */
export async function deviceAt(mountpoint: string): Promise<string | undefined> {
  const mounts = await mountsSeenBy('self');
  return mounts.findLast(mount => mount.mountpoint === mountpoint)?.device;
}

/** Whether that, as a whole, is what is seen at `mountpoint`. */
export async function isMountedAt(dataset: string, mountpoint: string): Promise<boolean> {
  const top = (await mountsSeenBy('self')).findLast(mount => mount.mountpoint === mountpoint);
  return top?.source === dataset && top.root === '/';
}

/** Every place where `dataset`, or the device that it had when it was mounted, appears. */
export async function mountsOf(dataset: string, device: string | undefined): Promise<Place[]> {
  const isIt = (mount: Mount) =>
    mount.source === dataset || (device !== undefined && mount.device === device);
  const seen = new Set<string>();
  const places: Place[] = [];
  for (const pid of ['self', ...(await readdir('/proc'))]) {
    if (pid !== 'self' && !/^\d+$/.test(pid)) continue;
    // A process that ended meanwhile, or is a thread of the kernel, has no mounts.
    const namespace = await readlink(`/proc/${pid}/ns/mnt`).catch(() => '');
    if (namespace === '' || seen.has(namespace)) continue;
    seen.add(namespace);
    const mounts = (await mountsSeenBy(pid)).filter(isIt);
    if (mounts.length === 0) continue;
    const seenBy = pid === 'self' ? '' : `${await commandOf(pid)} (process ${pid})`;
    places.push(...mounts.map(({ mountpoint }) => ({ mountpoint, seenBy })));
  }
  return places;
}

async function mountsSeenBy(pid: string): Promise<Mount[]> {
  const table = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
  return table.split('\n').map(line => {
    const fields = line.split(' ');
    const [, , device = '', root = '', mountpoint = ''] = fields;
    return { device, root, mountpoint: unescaped(mountpoint), source: unescaped(fields.at(-2) ?? '') };
  });
}

async function commandOf(pid: string): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process')).trim();
}

/** Space, tab, newline and backslash stand there as `\ooo`. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

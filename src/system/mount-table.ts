/** The mount table of a process: /proc/PID/mountinfo, proc_pid_mountinfo(5). Reading it touches no filesystem. */

import { readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export interface Mount {
  id: number;
  parent: number;
  /** `major:minor` of the filesystem: the same for all its mounts. */
  device: string;
  /** The directory of the filesystem that is mounted: `/`, or a deeper one in a bind mount. */
  root: string;
  mountpoint: string;
  /** Of this mount: `rw`, `relatime`… */
  options: string[];
  /** `zfs`, `fuse`, `tmpfs`… */
  type: string;
  /** The dataset, the device, or whatever the filesystem calls itself. */
  source: string;
  /** Number of the group of mounts to which what is mounted on this one spreads; undefined when it is not shared. */
  peerGroup: number | undefined;
}

/** The mounts that process `pid` sees, in the order in which they were made. */
export async function mountTable(pid: number | 'self' = 'self'): Promise<Mount[]> {
  return parseMountInfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
}

/**
 * Mounts whose mountpoint is exactly `path`, the topmost last. The path is resolved only when the table does not
 * know it as it stands: resolving asks the filesystem, and one that hangs would not answer.
 */
export async function mountsAt(path: string): Promise<Mount[]> {
  const table = await mountTable();
  const at = (place: string) => table.filter(mount => mount.mountpoint === place);
  const plain = at(resolve(path));
  if (plain.length > 0) return plain;
  const real = await realpath(path).catch(() => undefined);
  return real === undefined ? [] : at(real);
}

/** The directory of a bind mount in the mount of its whole filesystem; undefined when that is not mounted. Pure. */
export function pathInWhole(
  { source, root }: Pick<Mount, 'source' | 'root'>,
  table: readonly Mount[],
): string | undefined {
  const whole = table.find(mount => mount.source === source && mount.root === '/');
  return whole && join(whole.mountpoint, root);
}

/** Pure. Lines that do not have the form are left out. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap(line => {
    const [before = '', after = ''] = splitOnce(line, ' - ');
    const [id, parent, device = '', root = '', mountpoint = '', options = '', ...optional] =
      before.split(' ');
    const [type = '', source = ''] = after.split(' ');
    if (!id || !parent || !mountpoint || !type) return [];
    const peers = optional.find(field => field.startsWith('shared:'))?.slice('shared:'.length);
    return {
      id: Number(id),
      parent: Number(parent),
      device,
      root: unescapeOctal(root),
      mountpoint: unescapeOctal(mountpoint),
      options: options.split(','),
      type,
      source: unescapeOctal(source),
      peerGroup: peers === undefined ? undefined : Number(peers),
    };
  });
}

/** The kernel writes space, tab, newline, backslash (and in sources #) as \ooo, byte by byte. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

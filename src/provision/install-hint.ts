/** What to install for ZFS, by system: os-release(5). */

import { release } from 'node:os';
import { readIfThere } from '../system/files.ts';

const BY_SYSTEM: Record<string, string> = {
  debian:
    'Install it: apt-get install zfs-dkms zfsutils-linux (from "contrib", with the kernel headers); for trying out, zfs-fuse.',
  ubuntu: 'Install it: apt-get install zfsutils-linux.',
  alpine: 'Install it: apk add zfs zfs-lts, then modprobe zfs.',
  fedora: 'Install it from the OpenZFS repository for this release, then modprobe zfs.',
  arch: 'Install zfs-dkms and zfs-utils, then modprobe zfs.',
  linuxkit:
    'Add a package with the ZFS module of this kernel to the image, and a modprobe of zfs before this step.',
};

/** One sentence. In a container it is the host that lacks the module. */
export async function installHint(where: 'host' | 'container'): Promise<string> {
  if (where === 'container') {
    return `The host needs the ZFS module for its kernel ${release()}, loaded ("modprobe zfs"), and the container the host's /dev.`;
  }
  const text = (await readIfThere('/etc/os-release')) ?? (await readIfThere('/usr/lib/os-release')) ?? '';
  return hintFor(text, release());
}

/** Pure. `ID` first, then the systems that it says it is like. */
export function hintFor(osRelease: string, kernel: string): string {
  const value = (name: string) =>
    new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(osRelease)?.[1]?.toLowerCase() ?? '';
  for (const id of [value('ID'), ...value('ID_LIKE').split(' ')]) {
    const hint = BY_SYSTEM[id];
    if (hint !== undefined) return hint;
  }
  return `Install OpenZFS with the module for kernel ${kernel}, and load it: modprobe zfs.`;
}

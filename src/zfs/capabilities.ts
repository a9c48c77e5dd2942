/** Which ZFS answers, and what it can do: asked once at start. */

import { zfs, zpool } from './command.ts';
import type { Capabilities } from './index.ts';

/**
 * Asks `zfs version` (OpenZFS ≥ 0.8 has it, zfs-fuse has not) and, of a ZFS without it, for the pool properties
 * that it knows.
 *
 * @throws DmError zfs/ZFS_MISSING, ZFS_DENIED, ZFS_HUNG
 */
export async function findCapabilities(): Promise<Capabilities> {
  const [version] = await Promise.all([
    zfs(['version'], 'ZFS', { okCodes: [0, 1, 2] }),
    // Does anything answer at all? Without a module or a daemon the commands still print their usage.
    zpool(['list', '-H', '-o', 'name'], 'pools'),
  ]);
  const number = openZfsVersion(version.stdout);
  if (number !== undefined) return openZfs(number);
  const [known, upgrade] = await Promise.all([
    zpool(['get'], 'ZFS', { okCodes: [0, 2] }),
    zpool(['upgrade', '-v'], 'ZFS'),
  ]);
  return olderZfs(known.stderr + known.stdout, upgrade.stdout);
}

/** `zfs-kmod-2.1.11-1+deb12u1` → `2.1.11`. The module counts: it does the work. Pure. */
export function openZfsVersion(text: string): string | undefined {
  return (/^zfs-kmod-(\d[\d.]*)/m.exec(text) ?? /^zfs-(\d[\d.]*)/m.exec(text))?.[1]?.replace(/\.$/, '');
}

function openZfs(number: string): Capabilities {
  return {
    description: `OpenZFS ${number}`,
    written: true,
    poolComment: true,
    resume: true,
    multihost: true,
    expand: true,
    diff: true,
    snapshotMounts: true,
    userSpace: false,
  };
}

/** What the usage of `zpool get` and the output of `zpool upgrade -v` tell of a ZFS without `zfs version`. Pure. */
export function olderZfs(usage: string, upgrade: string): Capabilities {
  const has = (property: string) => new RegExp(`^\\s+${property}\\s`, 'm').test(usage);
  const version = /pool version (\d+)/.exec(upgrade)?.[1];
  return {
    description: version === undefined ? 'zfs-fuse' : `zfs-fuse, pool version ${version}`,
    written: false,
    poolComment: has('comment'),
    resume: false,
    multihost: has('multihost'),
    expand: has('autoexpand'),
    diff: false,
    snapshotMounts: false,
    userSpace: true,
  };
}

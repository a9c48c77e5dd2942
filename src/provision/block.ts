/** What the kernel says about block devices: sysfs(5), read only. `sys` is another root in tests. */

import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readIfThere } from '../system/files.ts';

/** sysfs counts in sectors of 512 bytes, whatever the device's own sectors are. */
const SECTOR = 512;

export interface BlockFacts {
  /** The kernel's name: `sda1`. */
  name: string;
  /** `major:minor`, decimal. */
  number: string;
  sizeBytes: number;
  readOnly: boolean;
  /** `major:minor` of the disk that this is a partition of. */
  disk: string | undefined;
  /** Whether the kernel looks for partitions on it (not on device-mapper, not on a loop device without partscan). */
  partitionable: boolean;
  partitions: { name: string; number: string; sizeBytes: number }[];
  /** Devices that are made of it or of its partitions: `dm-0`, `md127`. */
  holders: string[];
}

/** `major:minor` of a device number as stat(2) gives it (makedev(3), Linux layout). */
export function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The facts of one block device, or undefined when the kernel does not know the number (any more). */
export async function blockFacts(number: string, sys = '/sys'): Promise<BlockFacts | undefined> {
  const folder = await realpath(join(sys, 'dev/block', number)).catch(() => undefined);
  if (folder === undefined) return undefined;
  const isPartition = (await text(folder, 'partition')) !== '';
  const parts = isPartition ? [] : await partitionsIn(folder);
  const folders = [folder, ...parts.map(part => join(folder, part.name))];
  const holders = await Promise.all(folders.map(each => readdir(join(each, 'holders')).catch(() => [])));
  return {
    name: deviceName(folder),
    number,
    sizeBytes: Number(await text(folder, 'size')) * SECTOR,
    readOnly: (await text(folder, 'ro')) === '1',
    disk: isPartition ? await text(dirname(folder), 'dev') : undefined,
    partitionable: !isPartition && (await isPartitionable(folder)),
    partitions: parts,
    holders: holders.flat(),
  };
}

async function isPartitionable(folder: string): Promise<boolean> {
  if ((await text(folder, 'dm/name')) !== '') return false;
  return Number((await text(folder, 'ext_range')) || 1) > 1;
}

async function partitionsIn(folder: string): Promise<BlockFacts['partitions']> {
  const found: BlockFacts['partitions'] = [];
  for (const name of await readdir(folder)) {
    const part = join(folder, name);
    if ((await text(part, 'partition')) === '') continue;
    found.push({
      name: deviceName(part),
      number: await text(part, 'dev'),
      sizeBytes: Number(await text(part, 'size')) * SECTOR,
    });
  }
  return found;
}

/** Disks of the machine for a hint: `/dev/vda (12.0 GiB)`. Loop, RAM and optical devices and empty ones are left out. */
export async function listDisks(sys = '/sys'): Promise<string[]> {
  const disks: string[] = [];
  for (const name of (await readdir(join(sys, 'block')).catch(() => [])).sort()) {
    const size = Number((await readIfThere(join(sys, 'block', name, 'size'))) ?? 0) * SECTOR;
    if (size > 0 && !/^(loop|ram|zram|sr|fd)\d/.test(name)) disks.push(`/dev/${name} (${gibibytes(size)})`);
  }
  return disks;
}

/**
 * Kernel names of the namespaces behind an NVMe controller (`nvme0`), [] when it has none or is not there. With
 * native multipath the controller shows hidden paths (`nvme0c1n1`); the disk is then `nvme0n1`.
 */
export async function nvmeNamespaces(controller: string, sys = '/sys'): Promise<string[]> {
  const entries = await readdir(join(sys, 'class/nvme', controller)).catch(() => []);
  const names = entries
    .filter(name => /^nvme\d+(c\d+)?n\d+$/.test(name))
    .map(name => name.replace(/c\d+(?=n)/, ''));
  return [...new Set(names)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export function gibibytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.floor(bytes / 2 ** 20)} MiB`;
}

/** sysfs writes a slash in a device name as `!` (`cciss!c0d0`). */
function deviceName(folder: string): string {
  return basename(folder).replaceAll('!', '/');
}

async function text(folder: string, file: string): Promise<string> {
  return (await readFile(join(folder, file), 'utf8').catch(() => '')).trim();
}

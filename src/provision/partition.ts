/** One GPT partition for a whole blank disk: written with sfdisk(8), then waited for; works with and without udev. */

import { DmError, isDmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { run } from '../system/run.ts';
import { blockFacts } from './block.ts';
import { deviceInUse } from './device-errors.ts';
import { identityOf } from './devices.ts';
import { parseTable, SFDISK_SCRIPT, type Table } from './partition-table.ts';

const SFDISK_MS = 60_000;
const NODE_MS = 10_000;
/** Of addpart(8), whatever the device's own sectors are. */
const KERNEL_SECTOR = 512;

export interface Disk {
  named: string;
  path: string;
  /** `major:minor` */
  number: string;
}

export interface PartitionNode {
  path: string;
  number: string;
  sizeBytes: number;
}

/** The disk's partition table, or undefined when it has none that sfdisk knows. */
export async function readTable(path: string): Promise<Table | undefined> {
  const { stdout, exitCode } = await run(['sfdisk', '--json', path], {
    timeoutMs: SFDISK_MS,
    okCodes: [0, 1],
  });
  return exitCode === 0 ? parseTable(stdout) : undefined;
}

/**
 * Writes our table onto a disk that the caller has found blank, and resolves to the partition.
 * @throws DmError device/DEVICE_IN_USE, device/PARTITION_FAILED with sfdisk's words, device/PARTITION_MISSING
 */
export async function makePartition(disk: Disk): Promise<PartitionNode> {
  try {
    await run(['sfdisk', '--quiet', '--wipe', 'never', '--wipe-partitions', 'never', disk.path], {
      input: SFDISK_SCRIPT,
      timeoutMs: SFDISK_MS,
    });
  } catch (error) {
    if (!isDmError(error, 'COMMAND_FAILED')) throw error;
    const words = String(error.data.stderr ?? '').trim();
    if (/in use/.test(words)) throw deviceInUse(disk.named, [words]);
    throw new DmError('device', 'PARTITION_FAILED', `${disk.named} can not be partitioned: ${words}`, {
      hint: 'See the kernel log (dmesg) for errors of the disk.',
      cause: error,
    });
  }
  return findPartition(disk);
}

/**
 * The node of one partition, by the kernel's name, or of the only one that the disk has. The kernel is told to look
 * again when it does not know it, and the node is waited for, since a device manager (udev, mdev) may make it a moment
 * later.
 * @throws DmError device/PARTITION_MISSING
 */
export async function findPartition(disk: Disk, name?: string): Promise<PartitionNode> {
  const known = await node(disk, name);
  if (known) return known;
  // Each may fail where another works: partx needs no partition support in the kernel, blockdev no BLKPG; and partx
  // reads the second copy of a table whose first one was cut off, which the kernel does not.
  for (const argv of [
    ['blockdev', '--rereadpt', disk.path],
    ['partx', '--update', disk.path],
    ['partx', '--add', disk.path],
  ] as const) {
    if (await node(disk, name)) break;
    await run(argv, { timeoutMs: SFDISK_MS }).catch(error => {
      if (isDmError(error, 'COMMAND_TIMED_OUT')) throw error;
    });
  }
  const found = await until(() => node(disk, name), { deadlineMs: NODE_MS, everyMs: 50 });
  if (found) return found;
  throw partitionMissing(disk.named);
}

export interface Extent {
  startBytes: number;
  sizeBytes: number;
}

/**
 * Shows the kernel the one partition of a disk whose table it can not read; nothing is written.
 * @throws DmError device/PARTITION_MISSING
 */
export async function addPartition(disk: Disk, { startBytes, sizeBytes }: Extent): Promise<PartitionNode> {
  const place = [startBytes, sizeBytes].map(bytes => String(bytes / KERNEL_SECTOR));
  const facts = await blockFacts(disk.number);
  if (facts?.partitions.length === 0)
    // Refused where the kernel knows no partitions; then the node does not appear.
    await run(['addpart', disk.path, '1', ...place], { timeoutMs: SFDISK_MS, okCodes: [0, 1] });
  const found = await until(() => node(disk, undefined), { deadlineMs: NODE_MS, everyMs: 50 });
  if (found) return found;
  throw partitionMissing(disk.named);
}

/** Our table is on the disk, the partition is not to be had. Never overridden: there may be a pool in it. */
export function partitionMissing(named: string): DmError {
  const message = `${named} is partitioned by dm-linuxkit, but its partition does not appear.`;
  return new DmError('device', 'PARTITION_MISSING', message, {
    hint: 'Is /dev the devtmpfs of the machine, and does this kernel know GPT partitions? See dmesg and "sfdisk --verify".',
    data: { device: named },
  });
}

async function node(disk: Disk, name: string | undefined): Promise<PartitionNode | undefined> {
  const parts = (await blockFacts(disk.number))?.partitions ?? [];
  const part = name === undefined && parts.length === 1 ? parts[0] : parts.find(each => each.name === name);
  if (!part) return undefined;
  const path = `/dev/${part.name}`;
  // A node of that name that is another device, left in a static /dev, is not the partition.
  if ((await identityOf(path)) !== `block:${part.number}`) return undefined;
  return { path, number: part.number, sizeBytes: part.sizeBytes };
}

/** Our partition over a disk that is larger than when it was made. Its beginning, name and ids stay. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { run } from '../system/run.ts';
import { type BlockFacts, blockFacts } from './block.ts';
import { blockFactsAt } from './devices.ts';
import { readEdges } from './edges.ts';
import { isTableWhole } from './gpt.ts';
import { enlargedSize } from './growth.ts';
import { readTable } from './partition.ts';
import { poolPartition, START_BYTES, sfdiskScript } from './partition-table.ts';
import { ourEntry } from './torn-table.ts';

const SFDISK_MS = 60_000;
const KERNEL_MS = 10_000;
/** Of sysfs, whatever the device's own sectors are. */
const SECTOR = 512;

/** The first and only partition of a disk, as the kernel has it. */
interface Whole {
  part: BlockFacts;
  disk: BlockFacts;
  path: string;
  startBytes: number;
}

/** Whether a device is the only partition of a disk that has grown, from what the kernel says alone. */
export async function mayEnlarge(device: string): Promise<boolean> {
  const whole = await wholeDisk(device);
  return whole !== undefined && sizeFor(whole) !== undefined;
}

/**
 * Resolves to false, with nothing written, when the disk has not grown or the table is not just what we write.
 *
 * sfdisk writes the copy at the new end first, then the one at the beginning, and changes one entry and the headers
 * (UEFI specification §5.3.2). A power cut may leave any of these writes out: see restoreTable.
 *
 * @throws DmError device/PARTITION_NOT_ENLARGED, and what `run` throws
 */
export async function enlargePartition(device: string): Promise<boolean> {
  const whole = await wholeDisk(device);
  const size = whole && sizeFor(whole);
  if (!whole || size === undefined) return false;
  const { part, path, startBytes } = whole;
  const table = await readTable(path);
  const member = table && poolPartition(table);
  const [entry] = table?.partitions ?? [];
  const sector = table?.sectorsize ?? SECTOR;
  if (!member?.ours || !entry || entry.start * sector !== startBytes) return false;
  // A run that was cut off before the kernel was told has written it already.
  if (entry.size * sector < size) await writeSize(path, size / sector);
  await tellKernel(path);
  const seen = await until(async () => ((await blockFacts(part.number))?.sizeBytes ?? 0) >= size, {
    deadlineMs: KERNEL_MS,
    everyMs: 50,
  });
  if (seen) return true;
  throw new DmError(
    'device',
    'PARTITION_NOT_ENLARGED',
    `The partition table of ${path} is written, but the kernel keeps the old size of /dev/${part.name}.`,
    { hint: 'It will know it after the next boot.', data: { device: path } },
  );
}

/**
 * Writes both copies of our table again when one is damaged or not where it belongs: at the next growth, the only sound
 * one might be in the middle of the disk, where nobody looks for it. The partition stays as the kernel has it.
 *
 * @returns whether it was written: not when it is whole, and not when it is somebody else's
 * @throws what `run` and `readEdges` throw
 */
export async function restoreTable(device: string): Promise<boolean> {
  const whole = await wholeDisk(device);
  if (!whole) return false;
  const { part, disk, path, startBytes } = whole;
  const edges = await readEdges(path, disk.sizeBytes);
  if (isTableWhole(edges)) return false;
  const table = await readTable(path);
  if (table?.label === 'gpt') {
    if (!poolPartition(table)?.ours) return false;
    const [entry] = table.partitions ?? [];
    if (entry) await writeSize(path, entry.size);
    return entry !== undefined;
  }
  if (startBytes !== (ourEntry(edges)?.startBytes ?? START_BYTES)) return false;
  const sector = Number(
    await readFile(join('/sys/dev/block', disk.number, 'queue/logical_block_size'), 'utf8'),
  );
  const place = { start: startBytes / sector, size: part.sizeBytes / sector, uuid: ourEntry(edges)?.uuid };
  await sfdisk(path, sfdiskScript(place));
  return true;
}

async function wholeDisk(device: string): Promise<Whole | undefined> {
  const part = await blockFactsAt(device);
  const disk = part?.disk === undefined ? undefined : await blockFacts(part.disk);
  if (!part || disk?.partitions.length !== 1) return undefined;
  // We have made the first one of the table.
  if ((await sysfsNumber(part.number, 'partition')) !== 1) return undefined;
  const startBytes = (await sysfsNumber(part.number, 'start')) * SECTOR;
  return { part, disk, path: `/dev/${disk.name}`, startBytes };
}

function sizeFor({ part, disk, startBytes }: Whole): number | undefined {
  return enlargedSize({ diskBytes: disk.sizeBytes, startBytes, sizeBytes: part.sizeBytes });
}

/** Of the partition, in sectors of the disk. */
function writeSize(path: string, size: number): Promise<void> {
  return sfdisk(path, `size=${size}\n`, '--partno', '1');
}

/**
 * The disk is in use, by us: without asking the kernel to read the table again, which it would refuse. Nothing is
 * wiped: what lies in the partition is the pool.
 */
async function sfdisk(path: string, script: string, ...more: string[]): Promise<void> {
  const still = ['--no-reread', '--no-tell-kernel', '--wipe', 'never', '--wipe-partitions', 'never'];
  await run(['sfdisk', '--quiet', ...still, ...more, path], { input: script, timeoutMs: SFDISK_MS });
}

async function tellKernel(path: string): Promise<void> {
  await run(['partx', '--update', '--nr', '1', path], { timeoutMs: SFDISK_MS });
}

async function sysfsNumber(device: string, file: string): Promise<number> {
  return Number(await readFile(join('/sys/dev/block', device, file), 'utf8'));
}

/** Our partition over a disk that is larger than when it was made. Its beginning, name and ids stay. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { run } from '../system/run.ts';
import { type BlockFacts, blockFacts } from './block.ts';
import { enlargedSize } from './growth.ts';
import { readTable } from './partition.ts';
import { poolPartition } from './partition-table.ts';

const SFDISK_MS = 60_000;
const KERNEL_MS = 10_000;
/** Of sysfs, whatever the device's own sectors are. */
const SECTOR = 512;

/**
 * Resolves to false, with nothing written, when the disk has not grown or the table is not just what we write.
 *
 * sfdisk writes the copy at the new end first, then the one at the beginning, and changes one entry and the headers
 * (UEFI specification §5.3.2): wherever it is cut off, one whole table is there, the old one or the new one.
 *
 * @throws DmError device/PARTITION_NOT_ENLARGED, and what `run` throws
 */
export async function enlargePartition(part: BlockFacts): Promise<boolean> {
  const disk = part.disk === undefined ? undefined : await blockFacts(part.disk);
  if (disk?.partitions.length !== 1) return false;
  // We have made the first one of the table.
  if ((await sysfsNumber(part.number, 'partition')) !== 1) return false;
  const startBytes = (await sysfsNumber(part.number, 'start')) * SECTOR;
  const size = enlargedSize({ diskBytes: disk.sizeBytes, startBytes, sizeBytes: part.sizeBytes });
  if (size === undefined) return false;

  const path = `/dev/${disk.name}`;
  const table = await readTable(path);
  const member = table && poolPartition(table);
  const [entry] = table?.partitions ?? [];
  const sector = table?.sectorsize ?? SECTOR;
  if (!member?.ours || !entry || entry.start * sector !== startBytes) return false;
  // A run that was cut off before the kernel was told has written it already.
  if (entry.size * sector < size) await writeSize(path, size);
  await run(['partx', '--update', '--nr', '1', path], { timeoutMs: SFDISK_MS });
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
 * The disk is in use, by us: without asking the kernel to read the table again, which it would refuse. Nothing is
 * wiped: what lies in the partition is the pool.
 */
async function writeSize(path: string, size: number): Promise<void> {
  const still = ['--no-reread', '--no-tell-kernel', '--wipe', 'never', '--wipe-partitions', 'never'];
  await run(['sfdisk', '--quiet', ...still, '--partno', '1', path], {
    input: `size=${size / 2 ** 20}MiB\n`,
    timeoutMs: SFDISK_MS,
  });
}

async function sysfsNumber(device: string, file: string): Promise<number> {
  return Number(await readFile(join('/sys/dev/block', device, file), 'utf8'));
}

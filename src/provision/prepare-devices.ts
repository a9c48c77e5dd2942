/** Makes the devices of a plan ready for `zpool create`: wipes what may be wiped, partitions, creates files. */

import { open } from 'node:fs/promises';
import { DmError, errno, isDmError } from '../lib/errors.ts';
import { run } from '../system/run.ts';
import { blockFacts } from './block.ts';
import { deviceReadOnly } from './device-errors.ts';
import { EDGE_BYTES } from './edges.ts';
import { makePartition } from './partition.ts';
import { restoreTable } from './partition-grow.ts';
import type { DeviceState } from './survey.ts';

const WIPE_MS = 60_000;

/**
 * Resolves to the path that the pool gets. Cut off at any point, the next run finds the device blank, partitioned by
 * us and blank, or (only with `wipe`) not blank yet, and goes on from there.
 *
 * @param begun gets what is about to be written
 * @throws DmError device/FILE_NOT_CREATED, WIPE_FAILED, and what makePartition throws
 */
export async function prepareDevice(
  device: DeviceState,
  wipe: boolean,
  storageSizeBytes: number,
  begun: Pick<Set<string>, 'add' | 'delete'>,
): Promise<string> {
  const { named, path, use, number } = device;
  if (use === 'make file') {
    await makeFile(named, path, storageSizeBytes, begun);
    return path;
  }
  if (wipe) {
    begun.add(`the wiping of ${named}`);
    const parts =
      use === 'make partition' && number !== undefined ? (await blockFacts(number))?.partitions : [];
    for (const part of parts ?? []) await wipeDevice(named, `/dev/${part.name}`, part.sizeBytes);
    await wipeDevice(named, path, device.sizeBytes);
  }
  // The new pool is not to be behind a table that nobody can read.
  const table = `a partition table on ${named}`;
  if (device.torn) {
    begun.add(table);
    await restoreTable(path);
  }
  if (use !== 'make partition' || number === undefined) return path;
  begun.add(table);
  const made = await makePartition({ named, path, number }).catch((error: unknown) => {
    if (isDmError(error, 'DEVICE_IN_USE') && !device.torn) begun.delete(table);
    throw error;
  });
  // What an older partition left in the middle of the disk may lie at the edges of the new one.
  if (wipe) await wipeDevice(named, made.path, made.sizeBytes);
  return made.path;
}

/** Sparse, flushed, and only when nothing is there, or an empty file as a power cut leaves it. */
async function makeFile(
  named: string,
  path: string,
  sizeBytes: number,
  begun: Pick<Set<string>, 'add'>,
): Promise<void> {
  try {
    const file = await open(path, 'a', 0o600);
    begun.add(`the file ${named}`);
    try {
      if ((await file.stat()).size > 0) throw new Error('somebody has just written it');
      await file.truncate(sizeBytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errno(error) === 'EROFS') throw deviceReadOnly(named);
    const reason = error instanceof Error ? error.message : String(error);
    throw new DmError('device', 'FILE_NOT_CREATED', `${named} can not be created: ${reason}`, {
      cause: error,
    });
  }
}

/** Signatures by wipefs(8), which also knows those in the middle; then the edges, with partition tables and labels. */
async function wipeDevice(named: string, path: string, sizeBytes: number): Promise<void> {
  try {
    await run(['wipefs', '--all', '--force', '--quiet', path], { timeoutMs: WIPE_MS });
    const file = await open(path, 'r+');
    try {
      const zeroes = Buffer.alloc(Math.min(EDGE_BYTES, sizeBytes));
      await file.write(zeroes, 0, zeroes.length, 0);
      await file.write(zeroes, 0, zeroes.length, sizeBytes - zeroes.length);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DmError('device', 'WIPE_FAILED', `${named} can not be wiped: ${reason}`, { cause: error });
  }
}

/**
 * Commit metadata in the dot itself: §4.2. What lies in a dot is data of strangers: the directory and its files are
 * opened without following links, and the files are reached through the open directory.
 */

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DmError, errno, isDmError } from '../lib/errors.ts';
import { decodeMetadata, encodeMetadata, type Metadata } from '../model/commit.ts';
import { bounded } from './bounded.ts';

const DIRECTORY = 'dotmesh.metadata';
/** Less umask, as the original. */
const MODE = 0o777;
/** Far more than what is written here: 100 values of 64 KiB in base64. */
const LONGEST_FILE = 16 << 20;
const AT_ONCE = 16;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Written before the snapshot, which holds it; a file that a cut left under this id is replaced. Not flushed: `zfs
 * snapshot` takes what was written before it, and has it on disk when it ends.
 *
 * @throws DmError dot/METADATA_NOT_DIRECTORY
 */
export const writeMetadata = bounded(
  async (root: string, commit: string, metadata: Metadata): Promise<void> => {
    const write = () => inDirectory(root, at => writeNew(at(commit), encodeMetadata(metadata)));
    await write().catch(async error => {
      if (errno(error) !== 'ENOENT') throw error;
      await mkdir(join(root, DIRECTORY), { mode: MODE });
      await write();
    });
  },
);

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', MODE).catch(async error => {
    if (errno(error) !== 'EEXIST') throw error;
    await unlink(path);
    return open(path, 'wx', MODE);
  });
  try {
    await file.writeFile(text);
  } catch (error) {
    await unlink(path).catch(() => undefined); // The first error says what is wrong.
    throw error;
  } finally {
    await file.close();
  }
}

export const removeMetadata = bounded(async (root: string, commit: string): Promise<void> => {
  await inDirectory(root, async at => {
    await unlink(at(commit)).catch(ignoreMissing);
  });
});

/** Of those commits that have a file which can be read: a commit without is none the less one. */
export async function readMetadata(
  root: string,
  commits: readonly string[],
): Promise<ReadonlyMap<string, Metadata>> {
  const found = new Map<string, Metadata>();
  const waiting = commits.values();
  const readAll = (at: (commit: string) => string) => async () => {
    for (const commit of waiting) {
      const metadata = await readOne(at(commit));
      if (metadata) found.set(commit, metadata);
    }
  };
  await inDirectory(root, at => Promise.all(Array.from({ length: AT_ONCE }, readAll(at)))).catch(error => {
    if (errno(error) !== 'ENOENT' && !isDmError(error, 'METADATA_NOT_DIRECTORY')) throw error;
  });
  return found;
}

/** Undefined also for a link, a directory or a pipe of a stranger's making. */
const readOne = bounded(async (path: string): Promise<Metadata | undefined> => {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(error => {
    if (errno(error) === 'EIO') throw error;
    return undefined;
  });
  try {
    return file && (await readFile(file));
  } finally {
    await file?.close();
  }
});

async function readFile(file: FileHandle): Promise<Metadata | undefined> {
  const found = await file.stat();
  if (!found.isFile() || found.size > LONGEST_FILE) return undefined;
  return decodeMetadata(await file.readFile('utf8'));
}

/** `work` gets the path of a commit's file, through the open directory. */
async function inDirectory<T>(
  root: string,
  work: (at: (commit: string) => string) => Promise<T>,
): Promise<T> {
  const directory = await open(join(root, DIRECTORY), O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(error => {
    if (!['ENOTDIR', 'ELOOP'].includes(errno(error) ?? '')) throw error;
    throw new DmError('dot', 'METADATA_NOT_DIRECTORY', `"${DIRECTORY}" in the dot is no directory.`, {
      hint: 'Rename or remove it: the metadata of commits belongs there.',
    });
  });
  try {
    return await work(commit => `/proc/self/fd/${directory.fd}/${commit}.json`);
  } finally {
    await directory.close();
  }
}

function ignoreMissing(error: unknown): void {
  if (errno(error) !== 'ENOENT') throw error;
}

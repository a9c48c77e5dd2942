/** Small files: read when there, replaced as a whole or not at all, in directories of our own. */

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errno } from '../lib/errors.ts';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/** The text of a file, or undefined when there is none (ENOENT, ENOTDIR). Other errors are Node's own. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/**
 * Replaces `path` by a file with these contents, so that a reader, or the next boot after a power cut, sees the
 * old contents or the new ones and never a part: written aside in the same directory, flushed, renamed, and the
 * directory flushed, since a rename that only lives in memory is no rename. Mode 0600 unless said otherwise,
 * whatever the umask. A symbolic link at `path` is replaced, not followed.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { mode = PRIVATE_FILE }: { mode?: number } = {},
): Promise<void> {
  const directory = dirname(path);
  const aside = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(aside, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined); // The disk is full or gone: the first error says it.
    throw error;
  }
  await flushDirectory(directory);
}

async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether `path` is a directory without entries; false when it is not there or is no directory. */
export async function isEmptyDirectory(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** `mkdir -p`, and the last directory is for its owner only (0700), also when it was there with another mode. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY });
  await chmod(path, PRIVATE_DIRECTORY);
}

function isAbsence(error: unknown): boolean {
  return errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR';
}

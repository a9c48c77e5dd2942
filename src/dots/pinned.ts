/**
 * A directory in a dot, held open: what lies in it is reached through the descriptor (`/proc/self/fd`), so that nobody
 * who writes in the dot can put a link in the way and lead us out of it. Names are latin1, one character per byte: a
 * file may have a name that is no UTF-8.
 */

import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { errno } from '../lib/errors.ts';
import { bounded } from './bounded.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

export class Pinned {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** `path` itself is trusted up to its last component. */
  static async open(path: string | Buffer): Promise<Pinned> {
    return new Pinned(await openBounded(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  /** Its path while it is open, whatever it is called meanwhile. */
  get path(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  /** Path of something in it, for a call that does not follow links in the last component. */
  at(name: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.path}/`), Buffer.from(name, 'latin1')]);
  }

  /** A directory in it. @throws ENOENT, ENOTDIR, ELOOP of open(2) */
  folder(name: string): Promise<Pinned> {
    return Pinned.open(this.at(name));
  }

  /** A regular file in it, opened to be read; never one that blocks, such as a pipe. */
  file(name: string): Promise<FileHandle> {
    return openBounded(this.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }

  /** Undefined when there is no such name. */
  async stat(name: string): Promise<BigIntStats | undefined> {
    try {
      return await lstatBounded(this.at(name));
    } catch (error) {
      if (['ENOENT', 'ENAMETOOLONG'].includes(errno(error) ?? '')) return undefined;
      throw error;
    }
  }

  link(name: string): Promise<Buffer> {
    return readlinkBounded(this.at(name));
  }

  /** Names, sorted by byte. */
  async names(): Promise<string[]> {
    const names = await readdirBounded(this.path);
    return names.map(name => name.toString('latin1')).sort();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const openBounded = bounded((path: string | Buffer, flags: number) => open(path, flags));
const lstatBounded = bounded((path: Buffer) => lstat(path, { bigint: true }));
const readdirBounded = bounded((path: string) => readdir(path, { encoding: 'buffer' }));
const readlinkBounded = bounded((path: Buffer) => readlink(path, { encoding: 'buffer' }));

/** The directory that holds the last of `parts` below `root`, given to `work`; undefined when there is none. */
export async function inFolderOf<T>(
  root: Pinned,
  parts: readonly string[],
  work: (folder: Pinned, name: string) => Promise<T>,
): Promise<T | undefined> {
  const [name, ...more] = parts;
  if (name === undefined) return undefined;
  if (more.length === 0) return work(root, name);
  let folder: Pinned;
  try {
    folder = await root.folder(name);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errno(error) ?? '')) return undefined;
    throw error;
  }
  try {
    return await inFolderOf(folder, more, work);
  } finally {
    await folder.close();
  }
}

/**
 * Files of a dot read from its commits and written to its branches, by the file API (§7.5). Keys are relative to
 * `__default__`. What lies in a dot is a stranger's: no link in it is followed (pinned.ts).
 */

import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rmdir, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { DmError, errno } from '../lib/errors.ts';
import { checkName, DEFAULT_SUBDOT, printable } from '../model/names.ts';
import type { Archive, ArchiveEntry } from '../system/archive.ts';
import { bounded } from './bounded.ts';
import { findCommit, newestCommit, type Place } from './changes.ts';
import type { Context } from './context.ts';
import { asSpaceError } from './directories.ts';
import type { CommitFiles, Files } from './index.ts';
import { ensureMounted } from './mounting.ts';
import { inFolderOf, Pinned } from './pinned.ts';
import { idKey } from './queue.ts';
import type { Entry } from './registry.ts';
import { findFor } from './turn.ts';

/** At a dot's root while a file arrives or goes: no diff and no subdot (changes.ts). */
const ASIDE = '.dm-new-file-';
const FOLDER_MODE = 0o775;
const FILE_MODE = 0o666;
const OWNER_MAY = 0o600;

const makeFolder = bounded((path: Buffer) => mkdir(path, { mode: FOLDER_MODE }));
const openNew = bounded((path: Buffer) => open(path, 'wx', FILE_MODE));
const writeAll = bounded((file: FileHandle, data: Buffer) => file.writeFile(data));
const setMode = bounded((file: FileHandle, mode: number) => file.chmod(mode));
const move = bounded((from: Buffer, to: Buffer) => rename(from, to));
const removeFile = bounded((path: Buffer) => unlink(path));
const removeFolder = bounded((path: Buffer) => rmdir(path));

export function createFiles(context: Context, commit: CommitFiles, archive: Archive): Files {
  const { queues, views } = context;
  /** Names of what is arriving or going now; others with such a name were left by a cut. */
  const underWay = new Set<string>();

  function placeOf(entry: Entry, id: string | undefined): Place {
    if (id !== undefined) {
      checkName('snapshot', id);
      return findCommit(context, entry, id);
    }
    const newest = newestCommit(context, entry);
    if (newest) return newest;
    throw new DmError('dot', 'NO_COMMITS', 'No snaps to mount - commit before listing.');
  }

  /** Runs `work` in the branch's queue with its root and `__default__` held open. */
  function writing<T>(entry: Entry, work: (root: Pinned, files: Pinned) => Promise<T>): Promise<T> {
    return queues.run(idKey(entry.id), async () => {
      const root = await Pinned.open(await ensureMounted(context, entry));
      try {
        const files = await root.folder(DEFAULT_SUBDOT);
        try {
          return await work(root, files);
        } finally {
          await files.close();
        }
      } finally {
        await root.close();
      }
    });
  }

  /** A name aside at the dot's root, ours until `done`. */
  async function aside<T>(work: (name: string) => Promise<T>): Promise<T> {
    const name = `${ASIDE}${randomBytes(8).toString('hex')}`;
    underWay.add(name);
    try {
      return await work(name);
    } finally {
      underWay.delete(name);
    }
  }

  async function removeLeft(root: Pinned): Promise<void> {
    for (const name of await root.names()) {
      if (name.startsWith(ASIDE) && !underWay.has(name)) await removeTree(root, name);
    }
  }

  return {
    async list(caller, ref, { commit: id, prefix, ...how }, visit) {
      const { entry, commit: at } = placeOf(findFor(caller, context, ref), id);
      const parts = prefix === '' ? [] : keyParts(prefix.replace(/\/+$/, ''));
      await views.use(entry, at, root =>
        within(root, async files => {
          const isThere = await inFolder(files, parts, folder => walk(folder, prefixOf(parts), how, visit));
          if (!isThere) throw fileMissing(prefix);
        }),
      );
    },

    async read(caller, ref, id, key, use) {
      const { entry, commit: at } = placeOf(findFor(caller, context, ref), id);
      const parts = key === '' ? [] : keyParts(key.replace(/\/$/, ''));
      await views.use(entry, at, async root => {
        const top = await Pinned.open(root);
        try {
          const found = await inFolderOf(top, [DEFAULT_SUBDOT, ...parts], (folder, name) =>
            readOne(folder, name, archive, use),
          );
          if (!found) throw fileMissing(key);
        } finally {
          await top.close();
        }
      });
    },

    async put(caller, ref, key, body) {
      const entry = findFor(caller, context, ref);
      const parts = keyParts(key);
      return aside(async name => {
        const handle = await writing(entry, async root => {
          await removeLeft(root);
          return openNew(root.at(name));
        });
        let bytes = 0;
        try {
          const counted = async function* () {
            for await (const chunk of body) {
              bytes += chunk.length;
              yield chunk;
            }
          };
          await pipeline(counted, handle.createWriteStream());
          await writing(entry, (root, files) => put(root, files, name, parts));
        } catch (error) {
          await handle.close().catch(() => undefined); // The stream may have closed it.
          await writing(entry, root => removeTree(root, name));
          throw asPlaceError(asSpaceError(error));
        }
        return commit(caller, {
          ...ref,
          Message: `Uploaded ${key} (${sizeText(bytes)})`,
          Metadata: uploadMetadata(key, bytes),
        });
      });
    },

    async putArchive(caller, ref, key, body) {
      const entry = findFor(caller, context, ref);
      const parts = keyParts(key);
      return aside(async name => {
        const folder = await writing(entry, async root => {
          await removeLeft(root);
          await makeFolder(root.at(name));
          return root.folder(name);
        });
        try {
          await archive.unpack(body, one => take(folder, one)).finally(() => folder.close());
          await aside(old =>
            writing(entry, async (root, files) => {
              await inFolderOf(files, parts, async (place, last) => {
                if (await place.stat(last)) await move(place.at(last), root.at(old));
              });
              await put(root, files, name, parts);
              await removeTree(root, old);
            }),
          );
        } catch (error) {
          await writing(entry, root => removeTree(root, name));
          throw asPlaceError(asSpaceError(error));
        }
        return commit(caller, { ...ref, Message: `Uploaded ${key} (0B)`, Metadata: uploadMetadata(key, 0) });
      });
    },

    async remove(caller, ref, key) {
      const entry = findFor(caller, context, ref);
      const parts = keyParts(key);
      await aside(name =>
        writing(entry, async (root, files) => {
          const found = await inFolderOf(files, parts, async (folder, last) => {
            if (!(await folder.stat(last))) return false;
            // In one step for whoever reads; what lies in it goes afterwards.
            await move(folder.at(last), root.at(name));
            return true;
          });
          if (!found) throw fileMissing(key);
          await removeTree(root, name);
        }),
      );
      const Metadata = { type: 'delete', 'delete.type': 'S3', 'delete.file': key };
      return commit(caller, { ...ref, Message: `Delete ${key}`, Metadata });
    },
  };
}

const uploadMetadata = (key: string, bytes: number) => ({
  type: 'upload',
  'upload.type': 'S3',
  'upload.file': key,
  'upload.bytes': String(bytes),
});

/** False when it is neither a file nor a directory. */
async function readOne(
  folder: Pinned,
  name: string,
  archive: Archive,
  use: Parameters<Files['read']>[4],
): Promise<boolean> {
  const stat = await folder.stat(name);
  if (stat?.isDirectory()) {
    const text = Buffer.from(name, 'latin1').toString('utf8');
    await use({ archive: () => archive.pack(folder.path, text) });
    return true;
  }
  if (!stat?.isFile()) return false;
  const handle = await folder.file(name);
  try {
    await use({ size: Number(stat.size), handle });
  } finally {
    await handle.close();
  }
  return true;
}

/** One entry of an archive put below `folder`. @throws DmError usage/BAD_ARCHIVE for links, devices and `..` */
async function take(folder: Pinned, { path, kind, mode, body }: ArchiveEntry): Promise<void> {
  const plain = path.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  if (kind === 'folder' && (plain === '' || plain === '.')) return;
  if (kind === 'other') throw badArchive('a link or a device', path);
  let parts: string[];
  try {
    parts = keyParts(plain);
  } catch {
    throw badArchive('a path that leads elsewhere', path);
  }
  await makeFolders(folder, kind === 'folder' ? parts : parts.slice(0, -1));
  if (kind === 'folder') return;
  await inFolderOf(folder, parts, async (place, name) => {
    const handle = await openNew(place.at(name));
    try {
      for await (const chunk of body) await writeAll(handle, chunk);
      await setMode(handle, mode | OWNER_MAY);
    } finally {
      await handle.close();
    }
  });
}

function badArchive(what: string, path: string): DmError {
  const message = `The archive holds ${what}: ${printable(path)}.`;
  return new DmError('usage', 'BAD_ARCHIVE', message, { hint: 'Only files and directories are taken.' });
}

async function makeFolders(folder: Pinned, parts: readonly string[]): Promise<void> {
  const [name, ...more] = parts;
  if (name === undefined) return;
  await makeFolder(folder.at(name)).catch(error => {
    if (errno(error) !== 'EEXIST') throw error;
  });
  const inner = await folder.folder(name);
  try {
    await makeFolders(inner, more);
  } finally {
    await inner.close();
  }
}

/** The file aside gets its name; parents are made. */
async function put(root: Pinned, files: Pinned, aside: string, parts: readonly string[]): Promise<void> {
  const [name, ...more] = parts;
  if (name === undefined) return;
  if (more.length === 0) {
    await move(root.at(aside), files.at(name));
    return;
  }
  await makeFolder(files.at(name)).catch(error => {
    if (errno(error) !== 'EEXIST') throw error;
  });
  const folder = await files.folder(name);
  try {
    await put(root, folder, aside, more);
  } finally {
    await folder.close();
  }
}

async function removeTree(folder: Pinned, name: string): Promise<void> {
  const stat = await folder.stat(name);
  if (!stat) return;
  if (!stat.isDirectory()) {
    await removeFile(folder.at(name));
    return;
  }
  const inner = await folder.folder(name);
  try {
    for (const each of await inner.names()) await removeTree(inner, each);
  } finally {
    await inner.close();
  }
  await removeFolder(folder.at(name));
}

/** `__default__` of a mounted state, held open. */
async function within<T>(root: string, work: (files: Pinned) => Promise<T>): Promise<T> {
  const top = await Pinned.open(root);
  try {
    const files = await top.folder(DEFAULT_SUBDOT);
    try {
      return await work(files);
    } finally {
      await files.close();
    }
  } finally {
    await top.close();
  }
}

/** True when there is such a directory and it was visited. */
async function inFolder(
  files: Pinned,
  parts: readonly string[],
  work: (folder: Pinned) => Promise<void>,
): Promise<boolean> {
  if (parts.length === 0) {
    await work(files);
    return true;
  }
  const found = await inFolderOf(files, parts, async (folder, name) => {
    if (!(await folder.stat(name))?.isDirectory()) return false;
    const last = await folder.folder(name);
    try {
      await work(last);
    } finally {
      await last.close();
    }
    return true;
  });
  return found === true;
}

/** At each level directories, if asked for, then files, by name; then what is in each directory. Dotfiles are left out. */
async function walk(
  folder: Pinned,
  prefix: string,
  how: { recursive: boolean; directories: boolean },
  visit: Parameters<Files['list']>[3],
): Promise<void> {
  const found: { name: string; stat: BigIntStats }[] = [];
  for (const name of await folder.names()) {
    const stat = name.startsWith('.') ? undefined : await folder.stat(name);
    if (stat) found.push({ name, stat });
  }
  const folders = found.filter(({ stat }) => stat.isDirectory());
  const files = found.filter(({ stat }) => stat.isFile());
  for (const { name, stat } of [...(how.directories ? folders : []), ...files]) {
    const key = Buffer.from(prefix + name, 'latin1').toString('utf8');
    visit({ key, size: Number(stat.size), mtimeNs: stat.mtimeNs, isFolder: stat.isDirectory() });
  }
  if (!how.recursive) return;
  for (const { name } of folders) {
    const inner = await folder.folder(name);
    try {
      await walk(inner, `${prefix}${name}/`, how, visit);
    } finally {
      await inner.close();
    }
  }
}

const prefixOf = (parts: readonly string[]) => parts.map(part => `${part}/`).join('');

/** Components, latin1 (pinned.ts). @throws DmError usage/INVALID_KEY */
function keyParts(key: string): string[] {
  const parts = Buffer.from(key).toString('latin1').split('/');
  if (parts.every(part => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))) return parts;
  throw new DmError('usage', 'INVALID_KEY', 'The key names no file in the dot.');
}

/** What stands at a key, or on the way to it, and is not what it should be: a link is never followed. */
function asPlaceError(error: unknown): unknown {
  const codes = ['ENOTDIR', 'ELOOP', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ENAMETOOLONG'];
  if (!codes.includes(errno(error) ?? '')) return error;
  return new DmError('dot', 'KEY_TAKEN', 'Something else stands at this key, or on the way to it.', {
    cause: error,
  });
}

function fileMissing(key: string): DmError {
  return new DmError('dot', 'FILE_MISSING', `failed to stat ${key}, error: no such file or directory`);
}

/** `12B`, `1.5KiB`, `2.0MiB` as the original has it. Pure. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let size = bytes / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < 4; unit++) size /= 1024;
  return `${size.toFixed(1)}${['KiB', 'MiB', 'GiB', 'TiB', 'PiB'][unit]}`;
}

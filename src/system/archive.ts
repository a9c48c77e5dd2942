/** Tar streams, out and in: `tar` is kept here. Nothing is on disk or in memory as a whole. */

import { Pack, Parser, type ReadEntry } from 'tar';
import { DmError, isDmError } from '../lib/errors.ts';

export interface ArchiveEntry {
  /** As the archive has it: it may say anything. */
  path: string;
  kind: 'file' | 'folder' | 'other';
  /** Permission bits. */
  mode: number;
  /** To be read to its end before `each` resolves. */
  body: AsyncIterable<Buffer>;
}

export interface Archive {
  pack: typeof pack;
  unpack: typeof unpack;
}

/**
 * The directory `name` in `parent` as a tar stream whose entries begin with its name: files and directories, no links
 * and nothing else. What it reads has to stand still meanwhile, as a snapshot does.
 */
export async function* pack(parent: string, name: string): AsyncGenerator<Buffer> {
  const stream = new Pack({
    cwd: parent,
    portable: true,
    strict: true,
    filter: (_path, stat) => 'isFile' in stat && (stat.isFile() || stat.isDirectory()),
  });
  stream.add(name);
  stream.end();
  for await (const chunk of stream) yield Buffer.from(chunk);
}

/**
 * Gives each entry of a tar stream (it may be compressed with gzip) to `each`, one after the other.
 *
 * @throws DmError usage/BAD_ARCHIVE; and what `each` throws
 */
export async function unpack(
  source: AsyncIterable<Buffer>,
  each: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let failure: unknown;
  const take = async (entry: ReadEntry) => {
    if (failure === undefined) await each(toEntry(entry));
    entry.resume();
  };
  const parser = new Parser({
    strict: true,
    onReadEntry: entry => {
      last = last
        .then(() => take(entry))
        .catch(error => {
          failure ??= error;
          entry.resume();
        });
    },
  });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', reject);
  });
  ended.catch(() => undefined);
  try {
    for await (const chunk of source) {
      if (failure !== undefined) throw failure;
      if (!parser.write(chunk)) await Promise.race([drained(parser), ended]);
    }
    parser.end();
    await ended;
    await last;
  } catch (error) {
    if (isDmError(error) || error === failure) throw error;
    const code = (error as { tarCode?: unknown }).tarCode;
    if (code === undefined) throw error;
    throw new DmError('usage', 'BAD_ARCHIVE', 'The body is no tar archive, or a damaged one.', {
      cause: error,
    });
  }
  if (failure !== undefined) throw failure;
}

const drained = (parser: Parser) => new Promise<void>(resolve => parser.once('drain', resolve));

function toEntry(entry: ReadEntry): ArchiveEntry {
  const isFile = ['File', 'OldFile', 'ContiguousFile'].includes(entry.type);
  const isFolder = ['Directory', 'GNUDumpDir'].includes(entry.type);
  return {
    path: entry.path,
    kind: isFile ? 'file' : isFolder ? 'folder' : 'other',
    mode: (entry.mode ?? 0o644) & 0o777,
    body: entry as AsyncIterable<Buffer>,
  };
}

/**
 * `dm-linuxkit metadata`: user-data for a LinuxKit machine, with fresh secrets. LinuxKit's metadata package makes
 * files of it below /run/config (pkg/metadata: an entry is a file with `content` or a directory with `entries`, `perm`
 * octal in a string; one wrong type anywhere and the whole is dropped).
 */

import { open } from 'node:fs/promises';
import { DmError, errno } from '../lib/errors.ts';
import { readIfThere } from '../system/files.ts';
import { makeApiKey, makePassword, secretUnreadable } from './secrets.ts';
import { parseCredentials, parseSeed } from './seed.ts';

export interface MetadataOptions {
  seed: string | undefined;
  credentialsFile: string | undefined;
  output: string | undefined;
}

/** Contents of the files of /run/config/dotmesh. */
export interface MetadataFiles {
  'admin-api-key': string;
  'admin-password': string;
  credentials?: string;
  seed?: string;
}

interface Streams {
  write(text: string): void;
  warn(sentence: string): void;
  isTerminal: boolean;
}

/**
 * Prints it, or writes it to `--output`, which must not be there yet.
 *
 * @throws DmError usage/OUTPUT_EXISTS, usage/OUTPUT_FAILED, usage/FILE_MISSING, usage/BAD_SEED,
 *   secrets/BAD_CREDENTIALS
 */
export async function printMetadata(options: MetadataOptions, streams: Streams): Promise<void> {
  const { seed, credentialsFile, output } = options;
  if (seed !== undefined) {
    parseSeed(seed);
    streams.warn(
      'with a seed in its metadata a machine does not provide its dot: seeding comes with push and pull, and is refused until then',
    );
  }
  const credentials = credentialsFile === undefined ? undefined : await readCredentials(credentialsFile);
  const text = formatMetadata({
    'admin-api-key': makeApiKey(),
    'admin-password': makePassword(),
    ...(credentials === undefined ? {} : { credentials }),
    ...(seed === undefined ? {} : { seed }),
  });
  if (output !== undefined) return writeNew(output, text);
  if (streams.isTerminal)
    streams.warn('these are secrets, and they are on your screen now: --output=FILE keeps them in a file');
  streams.write(text);
}

/** Pure. */
export function formatMetadata(files: MetadataFiles): string {
  const entries = Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name, { perm: '0600', content }]),
  );
  return `${JSON.stringify({ dotmesh: { perm: '0700', entries } }, null, 2)}\n`;
}

async function readCredentials(path: string): Promise<string> {
  const text = await readIfThere(path).catch((error: unknown) => {
    throw secretUnreadable(path, error);
  });
  if (text === undefined)
    throw new DmError('usage', 'FILE_MISSING', `--credentials-file=${path} is not there.`);
  const { user, key } = parseCredentials(text, path);
  return `${user}:${key}`;
}

/** O_EXCL: neither a file nor a link that somebody put there is written through. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errno(error) === 'EEXIST')
      throw new DmError('usage', 'OUTPUT_EXISTS', `${path} is there already, and is not overwritten.`, {
        hint: 'A machine may have been made with the secrets in it; name another file.',
      });
    const reason = error instanceof Error ? error.message : String(error);
    throw new DmError('usage', 'OUTPUT_FAILED', `${path} can not be written: ${reason}`, { cause: error });
  }
}

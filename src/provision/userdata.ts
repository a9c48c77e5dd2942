/**
 * The raw user-data: LinuxKit's metadata package leaves it at /run/config/userdata, mode 0644, with the secrets in it
 * that it has put into files of their own. Pointed out always, removed with `--shred-userdata`. It drops all of the
 * user-data that is no JSON, or has one value of a wrong type, and says so nowhere but in its log: that is told here.
 */

import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { asDmError, errno } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { printable } from '../model/names.ts';
import { readIfThere } from '../system/files.ts';
import { CONFIG_DIRECTORY, DEFAULT_FILES } from './flags.ts';
import type { ProvisionOptions } from './options.ts';

/** The key of ours in the user-data: its entries become CONFIG_DIRECTORY. */
const OUR_KEY = CONFIG_DIRECTORY.slice(CONFIG_DIRECTORY.lastIndexOf('/') + 1);

export type Content = 'nothing of ours' | 'our entry' | 'secrets outside of our entry';

/** What of ours user-data holds. Pure. @param secrets values that were read from files of their own */
export function contentOf(text: string, secrets: readonly string[]): Content {
  const entries = parseEntries(text);
  if (entries !== undefined && Object.hasOwn(entries, OUR_KEY)) return 'our entry';
  const written = secrets.flatMap(secret => [secret, JSON.stringify(secret).slice(1, -1)]);
  return written.some(secret => secret !== '' && text.includes(secret))
    ? 'secrets outside of our entry'
    : 'nothing of ours';
}

/** User-data without our entry, other people's as they are; undefined when it is not what LinuxKit reads. Pure. */
export function withoutOurs(text: string): string | undefined {
  const entries = parseEntries(text);
  if (entries === undefined) return undefined;
  const { [OUR_KEY]: _, ...others } = entries;
  return `${JSON.stringify(others)}\n`;
}

/**
 * Whether something for us is in the user-data that the metadata package has made no file of. Pure.
 *
 * @param files names in CONFIG_DIRECTORY
 */
export function isDropped(text: string, files: readonly string[]): boolean {
  const all = parseEntries(text);
  if (all === undefined) return text.includes(OUR_KEY) && files.length === 0;
  if (!Object.hasOwn(all, OUR_KEY)) return false;
  // Go reads the names of an entry's members in upper and lower case.
  const members = Object.entries(asObject(all[OUR_KEY]) ?? {});
  const entries = asObject(members.find(([name]) => name.toLowerCase() === 'entries')?.[1]);
  return entries === undefined || Object.keys(entries).some(name => !files.includes(name));
}

const asObject = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;

function parseEntries(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Looks at the raw user-data, and shreds it when asked to. Never throws: what is wrong is a warning. */
export async function tendUserdata(
  options: Pick<ProvisionOptions, 'files' | 'shredUserdata' | 'userdataFile'>,
  log: Log,
  configDirectory = CONFIG_DIRECTORY,
): Promise<void> {
  const { shredUserdata: shred, userdataFile: path, files } = options;
  const shown = printable(path);
  try {
    const secrets = await readSecrets(files);
    const file = await openIfThere(path, shred);
    if (!file) return;
    try {
      const text = await file.readFile('utf8');
      const mode = (await file.stat()).mode & 0o777;
      if (isDropped(text, await namesIn(configDirectory)))
        return log.warn(
          `${shown} has something for "${OUR_KEY}" that is not in ${configDirectory}: LinuxKit drops user-data that is no JSON or has a value of a wrong type, all of it. Correct it where the machine is made${shred ? '; it is not shredded, as it is the only copy' : ''}`,
        );
      const content = contentOf(text, secrets);
      if (content === 'nothing of ours') return;
      const rest = content === 'our entry' ? withoutOurs(text) : undefined;
      if (shred && rest !== undefined) {
        await overwrite(file, Buffer.byteLength(text), rest);
        log.info(`our secrets are removed from ${shown}`);
      } else if (shred)
        log.warn(
          `${shown} holds secrets outside of an entry "${OUR_KEY}": it is left as it is, remove them there`,
        );
      else if ((mode & 0o044) !== 0)
        log.warn(
          `${shown} holds secrets and can be read by others (mode ${mode.toString(8).padStart(4, '0')}): --shred-userdata removes them`,
        );
    } finally {
      await file.close();
    }
  } catch (error) {
    log.warn(`${shown} can not be looked at for secrets: ${asDmError(error).message}`);
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errno(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readSecrets(files: ProvisionOptions['files']): Promise<string[]> {
  const paths = [
    files.credentials ?? DEFAULT_FILES.credentials,
    files.adminApiKey ?? DEFAULT_FILES.adminApiKey,
    files.adminPassword ?? DEFAULT_FILES.adminPassword,
  ];
  // One that can not be read is refused by the step that reads it.
  const texts = await Promise.all(paths.map(path => readIfThere(path).catch(() => undefined)));
  return texts.flatMap(text => {
    const secret = text?.trim() ?? '';
    return secret === '' ? [] : [secret];
  });
}

async function openIfThere(path: string, writing: boolean) {
  try {
    return await open(path, (writing ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NOFOLLOW);
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** In place, so that no block of the old text is given back to the filesystem unwritten. */
async function overwrite(
  file: NonNullable<Awaited<ReturnType<typeof openIfThere>>>,
  length: number,
  text: string,
): Promise<void> {
  await file.write(Buffer.alloc(length), 0, length, 0);
  await file.sync();
  await file.write(text, 0, 'utf8');
  await file.truncate(Buffer.byteLength(text));
  await file.sync();
}

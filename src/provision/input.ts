/** Step 0: the files that the flags name, read and checked before a disk, a pool or a service is touched. */

import { stat } from 'node:fs/promises';
import { DmError, errno } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { type DotAddress, dotNameOfHost, parseDotAddress } from '../model/names.ts';
import { readIfThere } from '../system/files.ts';
import { effectiveUid, hostName } from '../system/host.ts';
import { DEFAULT_FILES } from './flags.ts';
import type { DotSource, GivenFiles, ProvisionOptions } from './options.ts';
import { type GivenSecrets, readGivenSecret, secretUnreadable } from './secrets.ts';
import { parseCredentials, parseSeed, seedingComesLater } from './seed.ts';

/** What the machine was asked for, all of it read: from here on no configuration is looked at any more. */
export interface Input {
  address: DotAddress | undefined;
  secrets: GivenSecrets;
}

/**
 * @throws DmError usage/NOT_ROOT, usage/FILE_MISSING, usage/FILE_UNREADABLE, usage/FILE_EMPTY, usage/SEED_UNSUPPORTED, secrets/…,
 *   and what names and seeds throw
 */
export async function readInput(options: ProvisionOptions, log: Log): Promise<Input> {
  requireRoot();
  if (options.remoteApiKey !== undefined)
    log.warn(
      'the key in --remote-apikey can be seen by every user of this machine: better use --credentials-file',
    );
  await refuseSeed(options, log);
  return {
    address: options.target && (await resolveDot(options.target.dot)),
    secrets: await givenSecrets(options.files),
  };
}

/** The secrets that the machine's metadata gave, or the flags. @throws what readGivenSecret throws */
export async function givenSecrets(files: GivenFiles): Promise<GivenSecrets> {
  return {
    apiKeyFile: await readGivenSecret('admin-api-key', files.adminApiKey, DEFAULT_FILES.adminApiKey),
    passwordFile: await readGivenSecret('admin-password', files.adminPassword, DEFAULT_FILES.adminPassword),
  };
}

/** @throws DmError usage/NOT_ROOT */
export function requireRoot(): void {
  if (effectiveUid() === 0) return;
  throw new DmError('usage', 'NOT_ROOT', 'dm-linuxkit has to run as root: it makes pools and mounts.', {
    hint: 'Run it through sudo.',
  });
}

async function resolveDot(source: DotSource): Promise<DotAddress> {
  const text = 'text' in source ? source.text : await readNamed('dot-file', source.file);
  return parseDotAddress(text === 'hostname' ? dotNameOfHost(hostName()) : text);
}

/** @param presets where the files are that no flag names */
export async function refuseSeed(
  options: Pick<ProvisionOptions, 'files' | 'seed' | 'remoteUsername' | 'remoteApiKey'>,
  log: Log,
  presets: Record<'seed' | 'credentials', string> = DEFAULT_FILES,
): Promise<void> {
  const { files, remoteUsername, remoteApiKey } = options;
  const text =
    options.seed ??
    (files.seed === undefined
      ? (await readPreset(presets.seed))?.trim()
      : await readNamed('seed-file', files.seed));
  if (text === undefined) return;
  if (text === '')
    throw new DmError('usage', 'FILE_EMPTY', `${presets.seed} is empty.`, {
      hint: 'Remove it, or name a seed in it.',
    });
  const seed = parseSeed(text);
  if ((remoteUsername === undefined) !== (remoteApiKey === undefined))
    throw new DmError('usage', 'MISSING_FLAG', '--remote-username and --remote-apikey go together.');
  if (remoteUsername === undefined) await checkCredentialsFile(files.credentials ?? presets.credentials, log);
  throw seedingComesLater(seed);
}

async function checkCredentialsFile(path: string, log: Log): Promise<void> {
  const text = await readIfThere(path).catch((error: unknown) => {
    throw secretUnreadable(path, error);
  });
  if (text === undefined)
    throw new DmError(
      'secrets',
      'CREDENTIALS_MISSING',
      `There are no credentials for the seed: ${path} is not there.`,
      {
        hint: 'Put user:key into it, or name another file with --credentials-file.',
      },
    );
  parseCredentials(text, path);
  if (((await stat(path)).mode & 0o077) !== 0)
    log.warn(`${path} can be read by other users of this machine: give it "perm": "0600" in the metadata`);
}

/** A file of the machine's metadata, which may be missing. */
async function readPreset(path: string): Promise<string | undefined> {
  return readIfThere(path).catch((error: unknown) => {
    throw new DmError('usage', 'FILE_UNREADABLE', `${path} can not be read: ${errno(error) ?? error}.`);
  });
}

/** A file that a flag names: it must be there and hold one line. */
async function readNamed(flag: string, path: string): Promise<string> {
  const text = await readIfThere(path).catch((error: unknown) => {
    throw new DmError(
      'usage',
      'FILE_UNREADABLE',
      `--${flag}=${path} can not be read: ${errno(error) ?? error}.`,
    );
  });
  if (text === undefined) throw new DmError('usage', 'FILE_MISSING', `--${flag}=${path} is not there.`);
  const trimmed = text.trim();
  if (trimmed === '') throw new DmError('usage', 'FILE_EMPTY', `--${flag}=${path} is empty.`);
  return trimmed;
}

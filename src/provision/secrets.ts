/**
 * The admin's API key and password: from files that the machine's metadata gave, else made once and kept on
 * the pool, so that they are the same after every boot. The server gets the paths, never the values.
 */

import { randomBytes, randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DmError, errno } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { makePrivateDirectory, readIfThere, writeFileAtomic } from '../system/files.ts';

/** Files that were given; undefined members are to be made. */
export interface GivenSecrets {
  apiKeyFile: string | undefined;
  passwordFile: string | undefined;
}

/** Undefined: what is in force stays in force. */
export interface SecretFiles {
  apiKeyFile: string | undefined;
  passwordFile: string | undefined;
}

/** Their names below the state directory. */
const DIRECTORY = 'secrets';
const API_KEY = 'admin-api-key';
const PASSWORD = 'admin-password';
/** Beside them: this pool's server has had one from the metadata. */
const GIVEN = '.given';

const LONGEST = 1024;
/** The server's own limit for passwords (wire reference §2.3, UpdatePassword); a key should not be weaker. */
const SHORTEST = 7;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Without letters and digits that look alike: somebody may have to type it. */
const PASSWORD_LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/**
 * The path of a given secret, after a look inside: `path` from the flag has to be there, the default may be
 * missing.
 *
 * @throws DmError secrets/SECRET_MISSING, secrets/SECRET_UNREADABLE, secrets/BAD_SECRET
 */
export async function readGivenSecret(
  what: string,
  path: string | undefined,
  preset: string,
): Promise<string | undefined> {
  const file = path ?? preset;
  const text = await readIfThere(file).catch((error: unknown) => {
    throw secretUnreadable(file, error);
  });
  if (text === undefined && path === undefined) return undefined;
  if (text === undefined)
    throw new DmError('secrets', 'SECRET_MISSING', `--${what}-file=${file} is not there.`, {
      hint: `Without --${what}-file one is made and kept on the pool.`,
    });
  const fault = secretFault(text);
  if (fault === '') return file;
  throw new DmError('secrets', 'BAD_SECRET', `${file} ${fault}.`, {
    hint: 'It should hold the secret alone, on one line; "dm-linuxkit metadata" makes fresh ones.',
  });
}

/** A directory, a file that we may not read, a disk that fails. */
export function secretUnreadable(path: string, cause: unknown): DmError {
  const text = `${path} can not be read: ${errno(cause) ?? cause}.`;
  return new DmError('secrets', 'SECRET_UNREADABLE', text, { cause });
}

/** Whether a value stands in an example for a secret that was to be put there. Pure. */
export function isPlaceholder(secret: string): boolean {
  return /^\s*PLACEHOLDER-/i.test(secret);
}

/** What is wrong with a secret as it stands in a file, or ''. A trailing newline does not count. Pure. */
export function secretFault(text: string): string {
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') return 'is empty';
  if (/[\0-\x1f\x7f]/.test(secret)) return 'holds control characters or more than one line';
  if (isPlaceholder(secret)) return 'holds the placeholder of an example, which everybody knows';
  if (Buffer.byteLength(secret) < SHORTEST) return `holds fewer than ${SHORTEST} characters`;
  return Buffer.byteLength(secret) > LONGEST ? `holds more than ${LONGEST} characters` : '';
}

/**
 * The two files that the server shall read. One that was not given is made in `stateDirectory`, once; on a pool that
 * had it from the metadata before nothing is made: a boot at which the metadata can not be had must not put a new key
 * in force, nor the boot after it the old one that was reset since.
 */
export async function ensureSecrets(
  given: GivenSecrets,
  stateDirectory: string,
  log: Log,
): Promise<SecretFiles> {
  const directory = join(stateDirectory, DIRECTORY);
  await makePrivateDirectory(directory);
  const choose = async (file: string | undefined, name: string, make: () => string) => {
    const path = join(directory, name);
    if (file !== undefined) return file;
    if ((await readIfThere(`${path}${GIVEN}`)) === undefined) return ensure(path, make, log);
    log.info(`the metadata have no ${name} this time: the one that is in force stays`);
    return undefined;
  };
  return {
    apiKeyFile: await choose(given.apiKeyFile, API_KEY, makeApiKey),
    passwordFile: await choose(given.passwordFile, PASSWORD, makePassword),
  };
}

/** Remembers what was given, once the server has taken it; one that was made before is not in force any more. */
export async function rememberGiven(given: GivenSecrets, stateDirectory: string): Promise<void> {
  for (const [file, name] of [
    [given.apiKeyFile, API_KEY],
    [given.passwordFile, PASSWORD],
  ] as const) {
    const path = join(stateDirectory, DIRECTORY, name);
    if (file === undefined || file === path || (await readIfThere(`${path}${GIVEN}`)) !== undefined) continue;
    await writeFileAtomic(`${path}${GIVEN}`, '');
    await rm(path, { force: true });
  }
}

async function ensure(path: string, make: () => string, log: Log): Promise<string> {
  const text = await readIfThere(path);
  if (text !== undefined && secretFault(text) === '') return path;
  await writeFileAtomic(path, `${make()}\n`);
  log.info(`made a secret: ${path}`);
  return path;
}

/** 256 random bits in base32 with padding (RFC 4648 §6), the form of the original's keys. */
export function makeApiKey(): string {
  const bits = [...randomBytes(32)].map(byte => byte.toString(2).padStart(8, '0')).join('');
  const letters = bits.match(/.{1,5}/g) ?? [];
  const text = letters.map(five => BASE32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
  return text.padEnd(Math.ceil(text.length / 8) * 8, '=');
}

/** 24 letters, about 140 bits. */
export function makePassword(): string {
  return Array.from({ length: 24 }, () => PASSWORD_LETTERS[randomInt(PASSWORD_LETTERS.length)]).join('');
}

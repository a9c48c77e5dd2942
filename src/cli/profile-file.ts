/**
 * The file `~/.dotmesh/config`: read, checked, and changed under a lock, as a whole or not at all. CLI
 * reference §1.3.
 */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { DmError, errno } from '../lib/errors.ts';
import { EMPTY_PROFILE, type Profile } from './profile.ts';

export interface ProfileFile {
  path: string;
  /** An empty profile when there is no file. @throws DmError usage/CONFIG_INVALID, usage/CONFIG_UNREADABLE */
  read(): Profile;
  /**
   * Reads again, changes and writes, while no other dm does; resolves to what was written.
   *
   * @throws DmError as `read`, what `how` throws, usage/CONFIG_FOLDER, usage/CONFIG_UNWRITABLE,
   *   locked/CONFIG_LOCKED
   */
  update(how: (profile: Profile) => Profile): Promise<Profile>;
}

/** Of --config, where `~/` is the home directory, or the usual one. */
export function configPath(flag: string | undefined, env: Record<string, string | undefined>): string {
  const home = env['HOME'] || homedir();
  if (flag === undefined) return join(home, '.dotmesh', 'config');
  return flag.startsWith('~/') ? join(home, flag.slice(2)) : flag;
}

export function profileFile(path: string): ProfileFile {
  const read = () => parseProfile(path, readText(path));
  return {
    path,
    read,
    async update(how) {
      // Only now: most commands never write, and `dm version` shall start quickly.
      const [{ writeFileAtomic }, { withProfileLock }, { mkdir, realpath }] = await Promise.all([
        import('../system/files.ts'),
        import('./profile-lock.ts'),
        import('node:fs/promises'),
      ]);
      // A folder that is there keeps its mode: with --config it may be anybody's.
      await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(error => {
        throw unusable('CONFIG_FOLDER', `The configuration folder ${dirname(path)} can not be made`, error);
      });
      // Who keeps the file elsewhere and a link to it here keeps the link.
      const target = await realpath(path).catch(() => path);
      return withProfileLock(target, async () => {
        const changed = how(read());
        await writeFileAtomic(target, JSON.stringify(changed)).catch(error => {
          throw unusable('CONFIG_UNWRITABLE', `The configuration ${path} can not be written`, error);
        });
        return changed;
      });
    },
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(error) ?? '')) return undefined;
    throw unusable('CONFIG_UNREADABLE', `The configuration ${path} can not be read`, error);
  }
}

function unusable(code: string, sentence: string, error: unknown): DmError {
  return new DmError('usage', code, `${sentence} (${errno(error) ?? String(error)}).`, { cause: error });
}

/** @throws DmError usage/CONFIG_INVALID: never taken for an empty one, it would be overwritten */
export function parseProfile(path: string, text: string | undefined): Profile {
  if (text === undefined) return EMPTY_PROFILE;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(path, 'it is not JSON', error);
  }
  if (!isRecord(value)) throw invalid(path, 'it is not a JSON object');
  const { CurrentRemote = '', Remotes, S3Remotes } = value;
  if (typeof CurrentRemote !== 'string') throw invalid(path, 'CurrentRemote is no text');
  const profile = { ...value, CurrentRemote, Remotes: Remotes ?? {}, S3Remotes: S3Remotes ?? {} };
  checkRemotes(path, 'Remotes', profile.Remotes, ['User', 'Hostname', 'ApiKey']);
  checkRemotes(path, 'S3Remotes', profile.S3Remotes, ['KeyID', 'SecretKey']);
  return profile as Profile;
}

function checkRemotes(path: string, member: string, remotes: unknown, texts: readonly string[]): void {
  if (!isRecord(remotes)) throw invalid(path, `${member} is no object`);
  for (const [name, remote] of Object.entries(remotes)) {
    const where = `${member}.${JSON.stringify(name)}`;
    if (!isRecord(remote)) throw invalid(path, `${where} is no object`);
    for (const text of texts) {
      if (typeof remote[text] !== 'string') throw invalid(path, `${where}.${text} is no text`);
    }
    const { Port = 0, CurrentVolume, CurrentBranches, DefaultRemoteVolumes } = remote;
    if (!Number.isInteger(Port)) throw invalid(path, `${where}.Port is no integer`);
    if (typeof (CurrentVolume ?? '') !== 'string') throw invalid(path, `${where}.CurrentVolume is no text`);
    if (!isRecord(CurrentBranches ?? {})) throw invalid(path, `${where}.CurrentBranches is no object`);
    if (!isRecord(DefaultRemoteVolumes ?? {}))
      throw invalid(path, `${where}.DefaultRemoteVolumes is no object`);
  }
}

function invalid(path: string, what: string, cause?: unknown): DmError {
  return new DmError('usage', 'CONFIG_INVALID', `The configuration ${path} can not be used: ${what}.`, {
    hint: 'Mend it or move it away; it was not changed.',
    cause,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * How it went, for programs: one JSON object in a file of RUN_DIRECTORY per role, replaced atomically. The boot step
 * (one-shot) and the daemon have a file each, so that none of them overwrites what the other one said. Pure, but for
 * `writeStatus` and `readStatus`.
 */

import { join } from 'node:path';
import { asDmError } from '../lib/errors.ts';
import { VERSION } from '../lib/version.ts';
import { RUN_DIRECTORY } from '../model/layout.ts';
import { printable } from '../model/names.ts';
import { makePrivateDirectory, readIfThere, writeFileAtomic } from '../system/files.ts';

export const STATUS_FILES = {
  oneshot: join(RUN_DIRECTORY, 'status.json'),
  daemon: join(RUN_DIRECTORY, 'status-daemon.json'),
} as const;

export type State = 'provisioning' | 'ready' | 'serving' | 'failed' | 'stopped';

export interface MountStatus {
  mountpoint: string;
  /** As names.ts writes it; '' when it is not known. */
  dot: string;
  state: 'mounted' | 'failed';
  /** Why it failed; of one that is mounted '', or who does not see it. */
  message: string;
}

/** '' stands for what is not known or does not apply. No member ever holds a secret. */
export interface Status {
  state: State;
  program: 'dm-linuxkit';
  version: string;
  /** ISO 8601, UTC. */
  time: string;
  pool: string;
  /** What the run was asked for. */
  dot: string;
  mountpoint: string;
  /** Of the error that ended the run: lib/errors.ts. */
  code: string;
  kind: string;
  message: string;
  hint: string;
  /** By mountpoint: of the boot step's file those of every one-shot since the machine started. */
  mounts: MountStatus[];
}

export function newStatus(pool: string, dot: string, mountpoint: string): Status {
  return {
    state: 'provisioning',
    program: 'dm-linuxkit',
    version: VERSION,
    time: '',
    pool,
    dot,
    mountpoint,
    code: '',
    kind: '',
    message: '',
    hint: '',
    mounts: [],
  };
}

/**
 * The status after an error. A run may fail with its dot mounted, by itself or an earlier one: of each mountpoint it
 * counts what is there.
 *
 * @param mounted mountpoints where a dot of the pool is mounted now
 */
export function failedStatus(status: Status, error: unknown, mounted: ReadonlySet<string>): Status {
  const { code, kind, message, hint = '' } = asDmError(error);
  const before = status.mounts.map(mount => afterwards(mount, mounted));
  const own = ownMount(status, message, mounted);
  return { ...status, state: 'failed', code, kind, message, hint, mounts: mergeMounts(before, own) };
}

function ownMount(
  { dot, mountpoint, mounts }: Status,
  message: string,
  mounted: ReadonlySet<string>,
): MountStatus[] {
  if (mountpoint === '') return [];
  if (!mounted.has(mountpoint)) return [{ mountpoint, dot, state: 'failed', message }];
  if (mounts.some(mount => mount.mountpoint === mountpoint)) return [];
  // Which one is not known: it may be another than was asked for.
  return [{ mountpoint, dot: '', state: 'mounted', message: '' }];
}

function afterwards(mount: MountStatus, mounted: ReadonlySet<string>): MountStatus {
  if (mounted.has(mount.mountpoint))
    return mount.state === 'mounted' ? mount : { ...mount, state: 'mounted', message: '' };
  return mount.state === 'failed'
    ? mount
    : { ...mount, state: 'failed', message: 'It is not mounted any more.' };
}

/** What is known of each mountpoint, the newest word; sorted by mountpoint. */
export function mergeMounts(before: readonly MountStatus[], now: readonly MountStatus[]): MountStatus[] {
  const all = new Map([...before, ...now].map(mount => [mount.mountpoint, mount]));
  return [...all.values()].sort((a, b) => (a.mountpoint < b.mountpoint ? -1 : 1));
}

/** One line for a console, without its newline; undefined while it goes on. */
export function statusLine({ state, code, kind, message, pool, mounts }: Status): string | undefined {
  const said = (text: string) => `dm-linuxkit: ${text}`;
  switch (state) {
    case 'provisioning':
      return undefined;
    case 'failed':
      return said(`FAILED (${kind}/${code}): ${oneLine(message)}`);
    case 'stopped':
      return said(`stopped: the pool ${pool}`);
    default: {
      const failed = mounts.filter(mount => mount.state === 'failed');
      const there = mounts.filter(mount => mount.state === 'mounted').map(describeMounted);
      const lost = failed.length === 0 ? '' : `; NOT mounted: ${failed.map(describe).join(', ')}`;
      return said(`${state}: ${there.length === 0 ? `the pool ${pool}` : there.join(', ')}${lost}`);
    }
  }
}

const describeMounted = (mount: MountStatus): string =>
  `${describe(mount)}${mount.message === '' ? '' : ' (NOT seen outside of this container)'}`;

const describe = ({ dot, mountpoint }: MountStatus): string => `${dot} at ${printable(mountpoint)}`;

/** Messages quote other programs. */
const oneLine = (text: string): string => text.replace(/[\0-\x1f\x7f]+/g, ' ').trim();

/** Readable for everybody, as it holds no secrets; its directory is root's. */
export async function writeStatus(path: string, status: Status): Promise<void> {
  await makePrivateDirectory(RUN_DIRECTORY);
  const text = `${JSON.stringify({ ...status, time: new Date().toISOString() }, null, 2)}\n`;
  await writeFileAtomic(path, text, { mode: 0o644 });
}

/** Undefined when there is none, or it is damaged. */
export async function readStatus(path: string): Promise<Status | undefined> {
  try {
    const status = JSON.parse((await readIfThere(path)) ?? '') as Status | null;
    return status !== null && typeof status === 'object' && Array.isArray(status.mounts) ? status : undefined;
  } catch {
    return undefined;
  }
}

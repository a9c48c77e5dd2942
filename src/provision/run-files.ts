/**
 * Files beside a pool that is in use, in RUN_DIRECTORY/<pool>/ (0700): the sockets, and who runs as daemon, etcd
 * and server. "dm-linuxkit stop" removes them; the lock lies elsewhere, since it has to outlive them. A run file names a process by pid, start time and boot, so that what a
 * killed run left behind is never taken for something alive.
 */

import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import { RUN_DIRECTORY } from '../model/layout.ts';
import { readIfThere, writeFileAtomic } from '../system/files.ts';
import { withMountLock } from '../system/mounts.ts';
import { endProcess, isAlive, type ProcessId } from '../system/processes.ts';

/** No pool has such a name. */
const LOCKS = '.locks';

export interface RunPaths {
  directory: string;
  /** Stays for good: two who hold the lock on two files of one name would both go on. */
  lock: string;
  daemon: string;
  etcd: string;
  server: string;
  /** etcd 3.4 takes no absolute path and insists on a port: this is where `unix://etcd.sock:0` appears. */
  etcdSocket: string;
  etcdPeerSocket: string;
  serverSocket: string;
  /** Directories that were closed until their dots are mounted (guard-record.ts). */
  guards: string;
}

export function runPaths(pool: string, base = RUN_DIRECTORY): RunPaths {
  const directory = join(base, pool);
  return {
    directory,
    lock: join(base, LOCKS, pool),
    daemon: join(directory, 'daemon.json'),
    etcd: join(directory, 'etcd.json'),
    server: join(directory, 'server.json'),
    etcdSocket: join(directory, 'etcd.sock:0'),
    etcdPeerSocket: join(directory, 'etcd-peer.sock:0'),
    serverSocket: join(directory, 'server.sock'),
    guards: join(directory, 'guards.json'),
  };
}

export interface RunFile extends ProcessId {
  role: 'daemon' | 'etcd' | 'server';
  /** /proc/sys/kernel/random/boot_id: after a reboot the same pid may start at the same tick. */
  boot: string;
  /** Of a daemon: it provisions under the lock, serves without it, and is about to end. */
  state?: 'starting' | 'serving' | 'stopping';
  /** Of a daemon: `[HOST]:PORT` of its API. */
  listen?: string;
}

export async function writeRunFile(path: string, file: Omit<RunFile, 'boot'>): Promise<void> {
  const { pid, startTime, ...rest } = file;
  const text = JSON.stringify({ pid, startTime, boot: await bootId(), ...rest });
  await writeFileAtomic(path, `${text}\n`);
}

/** Removes it as long as it names this process: another run may have gone on meanwhile. */
export async function removeRunFile(path: string, { pid, startTime }: ProcessId): Promise<void> {
  const file = parseRunFile((await readIfThere(path)) ?? '');
  const isIts = file?.pid === pid && file.startTime === startTime && file.boot === (await bootId());
  if (isIts) await rm(path, { force: true });
}

/**
 * The run file at `path`, when its process runs; undefined when there is none, it is damaged, or a
 * leftover.
 */
export async function liveRunFile(path: string): Promise<RunFile | undefined> {
  const file = parseRunFile((await readIfThere(path)) ?? '');
  return file && file.boot === (await bootId()) && isAlive(file) ? file : undefined;
}

/** Pure. */
export function parseRunFile(text: string): RunFile | undefined {
  try {
    const file = JSON.parse(text) as RunFile | null;
    const sound =
      Number.isInteger(file?.pid) && Number(file?.pid) > 1 && Number.isInteger(file?.startTime) && file?.boot;
    return file && sound ? file : undefined;
  } catch {
    return undefined; // Cut off by a full disk; then nobody is known by it.
  }
}

/** Ends a server and an etcd that a killed run left, in this order, and removes their run files. */
export async function stopLeftovers(paths: RunPaths, log: Log): Promise<void> {
  for (const [path, graceMs] of [
    [paths.server, 6_000],
    [paths.etcd, 3_000],
  ] as const) {
    const file = await liveRunFile(path);
    // A file that names nobody stays until it is replaced: it may name somebody in another pid namespace.
    if (!file) continue;
    log.warn({ pid: file.pid }, `ending ${file.role}, left over from a run that was killed`);
    await endProcess(file, { graceMs });
    await removeRunFile(path, file);
  }
}

/**
 * Nothing of the pool runs any more, and its lock is ours: its directory goes with what is left of ours in it. Under
 * the mount lock, as a run that has yet to get the pool's lock may be about to record what it closed; then all stays.
 */
export async function removeRunDirectory(paths: RunPaths): Promise<void> {
  const { directory, lock, guards, ...files } = paths;
  await withMountLock(async () => {
    if ((await readIfThere(guards)) !== undefined) return;
    for (const file of Object.values(files)) await rm(file, { force: true });
    // Not when something else is in it, or nothing was ever made.
    await rmdir(directory).catch(() => undefined);
  });
}

async function bootId(): Promise<string> {
  return ((await readIfThere('/proc/sys/kernel/random/boot_id')) ?? '').trim() || 'unknown';
}

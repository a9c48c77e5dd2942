/**
 * Sees to it that some ZFS answers: the kernel's, or zfs-fuse for trying out.
 *
 * There must be one zfs-fuse per machine: a second one opens the pools of the first and destroys them. So it is
 * looked for first, and started under a lock that the daemon itself holds.
 */

import { existsSync } from 'node:fs';
import { access, constants, mkdir, readdir, readlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { DmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { until } from '../lib/retry.ts';
import { startDetached } from '../system/detached.ts';
import { readIfThere } from '../system/files.ts';
import { inContainer } from '../system/host.ts';
import { mountTable, unmount, withMountLock } from '../system/mounts.ts';
import { processIdentity } from '../system/processes.ts';
import { run } from '../system/run.ts';
import { installHint } from './install-hint.ts';

const KERNEL_DEVICE = '/dev/zfs';
const FUSE_DEVICE = '/dev/fuse';
/** Of its mounts, in the mount table. */
const FUSE_TYPE = 'fuse.zfs';
/** Where zfs-fuse has its socket and its locks: it makes neither directory itself. */
const DIRECTORIES = ['/run/lock', '/var/run/zfs', '/var/lock/zfs'];
const LOCK_FILE = '/run/lock/dm-linuxkit-zfs-fuse';
const LOG_FILE = '/var/run/zfs/zfs-fuse.log';
const MODPROBE_MS = 60_000;
const START_MS = 60_000;
const ANSWER_MS = 15_000;

export interface ZfsDeps {
  log: Log;
  tell?: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * Resolves to which ZFS it is that answers.
 * @throws DmError zfs/ZFS_MISSING with what to install on this system; zfs/ZFS_HUNG when a zfs-fuse is there and does
 *   not answer; zfs/ZFS_ELSEWHERE when it runs in another mount namespace, where our mounts would appear;
 *   mount/UNMOUNT_BUSY when programs hold on to the files of a zfs-fuse that has ended
 */
export async function ensureZfsAnswers(deps: ZfsDeps): Promise<'kernel' | 'zfs-fuse'> {
  if (existsSync(KERNEL_DEVICE) || (await loadModule(deps))) return 'kernel';
  const running = await findDaemon();
  if (running !== undefined) {
    await checkPlace(running);
    await waitForAnswer(deps);
    return 'zfs-fuse';
  }
  if (await inContainer()) throw missing(await installHint('container'), 'and this is a container');
  const program = await findProgram('zfs-fuse');
  if (program === undefined || !existsSync(FUSE_DEVICE)) {
    throw missing(await installHint('host'), program === undefined ? undefined : `and no ${FUSE_DEVICE}`);
  }
  deps.tell?.(
    'This kernel has no ZFS: starting zfs-fuse, which is for trying out, not for data that matters.',
  );
  await clearDeadMounts();
  for (const directory of DIRECTORIES) await mkdir(directory, { recursive: true });
  startDetached([program, '--no-daemon'], { lockFile: LOCK_FILE, logFile: LOG_FILE });
  await waitForAnswer(deps);
  return 'zfs-fuse';
}

/** Whether the module could be loaded. Fails where there is no modprobe or no such module, as it may. */
async function loadModule({ log, signal }: ZfsDeps): Promise<boolean> {
  try {
    await run(['modprobe', '-q', 'zfs'], { timeoutMs: MODPROBE_MS });
  } catch (error) {
    log.debug({ reason: error instanceof Error ? error.message : String(error) }, 'zfs: no module loaded');
    return false;
  }
  const found = await until(() => existsSync(KERNEL_DEVICE), {
    deadlineMs: 5_000,
    ...(signal ? { signal } : {}),
  });
  return found ?? false;
}

/**
 * What a zfs-fuse that has ended left mounted answers nobody any more, and would lie in the way of its successor. Another
 * run may have started that meanwhile; what it mounts, it mounts under this lock.
 */
async function clearDeadMounts(): Promise<void> {
  await withMountLock(async () => {
    if ((await findDaemon()) !== undefined) return;
    const dead = (await mountTable()).filter(({ type }) => type === FUSE_TYPE);
    for (const { mountpoint } of dead.reverse()) await unmount(mountpoint);
  });
}

/** The pid of the machine's zfs-fuse, as far as we see its processes. */
async function findDaemon(): Promise<number | undefined> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number);
  return pids.find(pid => processIdentity(pid)?.command === 'zfs-fuse');
}

async function checkPlace(pid: number): Promise<void> {
  const theirs = await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
  if (theirs === undefined || theirs === (await readlink('/proc/self/ns/mnt'))) return;
  throw new DmError(
    'zfs',
    'ZFS_ELSEWHERE',
    `zfs-fuse (pid ${pid}) runs in another mount namespace: what it mounts would not be seen here.`,
    { hint: 'Run dm-linuxkit where zfs-fuse runs, or use a kernel with the ZFS module.' },
  );
}

async function waitForAnswer({ signal }: ZfsDeps): Promise<void> {
  const answers = () =>
    run(['zpool', 'list', '-H', '-o', 'name'], { timeoutMs: ANSWER_MS }).then(
      () => true,
      () => false,
    );
  const answered = await until(answers, {
    deadlineMs: START_MS,
    everyMs: 50,
    ...(signal ? { signal } : {}),
  });
  if (answered) return;
  const words = (await readIfThere(LOG_FILE))?.trim().split('\n').at(-1);
  throw new DmError(
    'zfs',
    'ZFS_HUNG',
    `zfs-fuse does not answer within ${START_MS / 1000} s${words ? `; it said: ${words}` : ''}.`,
    { hint: 'If it hangs, end it and try again; its pools are imported anew.' },
  );
}

/** Like the shell, and in the sbin directories, which an ordinary PATH leaves out. */
async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders.filter(each => each !== '')) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

function missing(hint: string, detail: string | undefined): DmError {
  const why = detail === undefined ? '' : `, ${detail}`;
  return new DmError('zfs', 'ZFS_MISSING', `This machine has no ZFS: there is no ${KERNEL_DEVICE}${why}.`, {
    hint,
  });
}

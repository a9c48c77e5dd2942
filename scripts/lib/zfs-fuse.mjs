// The machine's one zfs-fuse. A second one opens the pools of the first and corrupts them, so it is started only
// when there is none, under a lock that the daemon itself holds as long as it lives.
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { collect, Failure, has, output, say } from './run.mjs';

const lock = '/run/lock/dm-linuxkit-zfs-fuse';

export const kernelZfs = () => existsSync('/dev/zfs');

function daemonPid() {
  const named = pid => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'zfs-fuse';
    } catch {
      return false;
    }
  };
  return Number(readdirSync('/proc').find(each => /^\d+$/.test(each) && named(each)) ?? 0);
}

const answers = () => spawnSync('zpool', ['list'], { stdio: 'ignore', timeout: 10_000 }).status === 0;

/**
 * Makes sure that zfs answers. Returns the pid of the daemon when this call started it, so that the caller ends it,
 * else 0: there is one already, or the kernel has ZFS.
 */
export async function startZfsFuse() {
  if (kernelZfs()) return 0;
  if (!has('zfs-fuse')) throw new Failure('There is no /dev/zfs and no zfs-fuse on this machine.');
  if (!existsSync('/dev/fuse'))
    throw new Failure('There is no /dev/zfs, and zfs-fuse needs /dev/fuse, which is not there either.');
  let child;
  if (!daemonPid()) {
    for (const folder of ['/run/lock', '/var/run/zfs', '/var/lock/zfs'])
      mkdirSync(folder, { recursive: true });
    const log = openSync('/var/run/zfs/dm-linuxkit.log', 'w');
    // flock --no-fork becomes the daemon and leaves it the lock: of two runners at once only one gets through.
    const { DM_TEST, ...env } = process.env;
    child = spawn('flock', ['--nonblock', '--no-fork', lock, 'zfs-fuse', '--no-daemon'], {
      detached: true,
      stdio: ['ignore', log, log],
      env,
    });
    child.unref();
    closeSync(log);
  }
  const deadline = Date.now() + 30_000;
  while (!(daemonPid() && answers())) {
    if (Date.now() > deadline) throw new Failure('zfs-fuse does not answer within 30 s.');
    await pause(50);
  }
  return child && child.pid === daemonPid() ? child.pid : 0;
}

/** Ends a daemon that we started, unless somebody else has pools on it by now. */
export async function stopZfsFuse(pid, { force = false } = {}) {
  if (!pid || daemonPid() !== pid) return;
  if (!force) {
    const pools = output(['zpool', 'list', '-H', '-o', 'name']).trim();
    if (pools) {
      say(
        `zfs-fuse (${pid}) goes on running: there are pools on it that are not ours: ${pools.split('\n').join(', ')}`,
      );
      return;
    }
  }
  process.kill(pid, force ? 'SIGKILL' : 'SIGTERM');
  const deadline = Date.now() + 10_000;
  while (daemonPid() === pid) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    await pause(50);
  }
}

/** zfs-fuse answers "busy" for a moment after a file was closed or a filesystem unmounted. Returns what it said last. */
export async function destroyPool(pool, withinMs = 10_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const { status, text } = await collect(['zpool', 'destroy', '-f', pool], { deadlineMs: 30_000 });
    if (status === 0 || text.includes('no such pool')) return '';
    if (Date.now() > deadline) return text.trim();
    await pause(100);
  }
}

/**
 * A small pool of its own to notice that zfs-fuse has wedged: then every file access on every pool hangs in the
 * kernel, while `zpool list` goes on answering. Hence a file operation, in a child, with a deadline.
 */
export async function makeProbe(folder, id) {
  mkdirSync(folder, { recursive: true });
  const image = join(folder, 'disk');
  const pool = `dm-probe-${id}`;
  writeFileSync(image, '');
  truncateSync(image, 64 * 2 ** 20);
  const made = await collect(['zpool', 'create', '-m', join(folder, 'mnt'), pool, image], {
    deadlineMs: 30_000,
  });
  if (made.status !== 0)
    throw new Failure(`zfs does not make a pool: ${made.late ? 'no answer within 30 s' : made.text}`);
  return {
    pool,
    alive: async (deadlineMs = 20_000) => {
      const touch = spawn('touch', [join(folder, 'mnt/probe')], { stdio: 'ignore' });
      // A child that hangs in the kernel does not die of SIGKILL: it is left behind, and freed with the daemon.
      const end = new Promise(resolve => touch.on('exit', code => resolve(code === 0)));
      const timer = new AbortController();
      const late = pause(deadlineMs, false, { signal: timer.signal }).catch(() => false);
      const alive = await Promise.race([end, late]);
      timer.abort();
      if (!alive) {
        touch.kill('SIGKILL');
        touch.unref();
      }
      return alive;
    },
    remove: async () => {
      await destroyPool(pool);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

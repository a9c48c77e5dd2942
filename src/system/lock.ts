/**
 * Locks between processes: flock(1) on a file of the host.
 *
 * The lock belongs to a child, `cat` with the locked descriptor, so the kernel releases it when the child ends;
 * and the child ends with us, by `setpriv --pdeathsig` and by the end of its standard input. A file that lies
 * about from a killed run therefore locks nobody out. It has a session of its own: a Ctrl-C on the terminal would end
 * it while we still take back what we began. The file itself stays: whoever removed it would let two
 * processes lock two files of one name.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { DmError } from '../lib/errors.ts';
import { within } from '../lib/retry.ts';

export interface Lock {
  release(): Promise<void>;
}

export interface LockOptions {
  /** Milliseconds to wait for another holder; 0 = try once. */
  waitMs: number;
  /** Called once when another process holds the lock and we are about to wait; `holder` as it wrote itself down. */
  onWait?: (holder: string) => void;
}

type Holding = ChildProcessByStdio<Writable, Readable, Readable>;

/** `flock -E`: the exit code for "somebody else has it", apart from flock's own failures. */
const TAKEN = 75;
const RELEASE_MS = 5_000;

/**
 * Takes the exclusive lock on the file at `path`, which is made (0600) when it is not there.
 *
 * @throws DmError locked/LOCKED (data.holder: `pid N (program)` or '') when it is not ours after `waitMs`;
 *   internal/COMMAND_MISSING without util-linux; internal/LOCK_FAILED with the words of flock
 */
export async function takeLock(path: string, { waitMs, onWait }: LockOptions): Promise<Lock> {
  await (await open(path, 'a', 0o600)).close();
  const atOnce = await hold(path, ['--nonblock']);
  if (atOnce) return held(path, atOnce);
  const holder = await holderOf(path);
  if (waitMs > 0) {
    onWait?.(holder);
    const later = await hold(path, ['--timeout', String(waitMs / 1000)]);
    if (later) return held(path, later);
  }
  const now = (await holderOf(path)) || holder;
  throw new DmError('locked', 'LOCKED', `${path} is locked by ${now || 'another process'}.`, {
    hint: 'Wait until it has ended, or end it, and try again.',
    data: { path, holder: now },
  });
}

/** Runs `fn` under the lock and releases it, whatever `fn` does. Throws what takeLock throws. */
export async function withLock<T>(path: string, options: LockOptions, fn: () => Promise<T>): Promise<T> {
  const lock = await takeLock(path, options);
  try {
    return await fn();
  } finally {
    await lock.release();
  }
}

/** Starts the holding child; resolves to it when it has the lock, to undefined when the lock is taken. */
function hold(path: string, how: string[]): Promise<Holding | undefined> {
  const flock = ['flock', '--exclusive', '--no-fork', '--conflict-exit-code', String(TAKEN), ...how, path];
  const argv = ['--pdeathsig', 'KILL', '--', ...flock, 'cat'];
  const child = spawn('setpriv', argv, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  let complaint = '';
  child.stderr.on('data', chunk => {
    complaint += String(chunk);
  });
  child.stdin.on('error', () => undefined); // A child that gave up does not read; its exit code says so.
  child.stdin.write('\n');
  return new Promise((resolve, reject) => {
    // cat answers with the line that it was given: from then on flock has the lock.
    child.stdout.once('data', () => resolve(child));
    child.once('error', cause =>
      reject(new DmError('internal', 'COMMAND_MISSING', 'The program setpriv is not installed.', { cause })),
    );
    child.once('close', code => {
      if (code === TAKEN) resolve(undefined);
      else reject(new DmError('internal', 'LOCK_FAILED', `${path} can not be locked: ${complaint.trim()}`));
    });
  });
}

async function held(path: string, child: Holding): Promise<Lock> {
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  // A word for the message of whoever waits; the lock holds without it, so a full disk is no reason to fail.
  await writeFile(path, `${process.pid} ${process.title}\n`).catch(() => undefined);
  return {
    async release() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await writeFile(path, '').catch(() => undefined);
      child.kill('SIGKILL');
      await within(exited, RELEASE_MS);
    },
  };
}

async function holderOf(path: string): Promise<string> {
  const [pid = '', ...title] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ');
  return /^\d+$/.test(pid) ? `pid ${pid} (${title.join(' ')})` : '';
}

/**
 * Running a command to its end: execa is kept here. An argv array, never a shell; a deadline, always.
 *
 * A command that hangs in the kernel (a wedged ZFS) can not be killed. Its deadline therefore ends our waiting,
 * whether or not the process has gone.
 *
 * Each runs in a session of its own: a Ctrl-C on the terminal is for us, and what it makes us do may need commands.
 */

import { execa, type Options } from 'execa';
import { DmError } from '../lib/errors.ts';

export interface RunOptions {
  /** Milliseconds until the command is killed and `COMMAND_TIMED_OUT` is thrown. Default 60 s. */
  timeoutMs?: number;
  /** Written to its standard input; without it, stdin is empty. */
  input?: string | Buffer;
  cwd?: string;
  /** Added to our own environment; undefined takes a variable out. */
  env?: Record<string, string | undefined>;
  signal?: AbortSignal;
  /** Keeps its standard output byte for byte, one character each (latin1). */
  binary?: boolean;
  /** Exit codes that are answers, not failures. Default [0]. */
  okCodes?: number[];
  /**
   * Stays in our session. For a command that opens a terminal: the leader of a session takes it over, and hangs it up for
   * everybody when it ends (setsid(2), tty(4)).
   */
  inOurSession?: boolean;
}

export interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number;
}

const KILL_GRACE_MS = 500;

/**
 * Runs `argv` and resolves to what it printed (without the last newline).
 *
 * @throws DmError internal/COMMAND_FAILED (data: argv, exitCode, signal, stderr), zfs-neutral: callers translate it;
 *   internal/COMMAND_MISSING when there is no such program; timeout/COMMAND_TIMED_OUT
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Outcome> {
  const [file, ...args] = argv;
  const timeoutMs = options.timeoutMs ?? 60_000;
  const child = execa(file, args, execaOptions(options));
  running.add(child);
  let timedOut = false;
  let timer: NodeJS.Timeout | undefined;
  const abandoned = new Promise<'abandoned'>(resolve => {
    timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
      // Time for an ordinary process to be reaped; one that hangs in the kernel is left behind.
      timer = setTimeout(resolve, KILL_GRACE_MS, 'abandoned');
    }, timeoutMs);
  });
  const done = await Promise.race([child, abandoned]);
  clearTimeout(timer);
  running.delete(child);
  if (timedOut || done === 'abandoned') throw timedOutError(argv, timeoutMs);
  options.signal?.throwIfAborted();
  if (done.code === 'ENOENT') {
    throw new DmError('internal', 'COMMAND_MISSING', `The program ${file} is not installed.`, {
      data: { argv },
    });
  }
  const outcome: Outcome = {
    stdout: String(done.stdout ?? ''),
    stderr: String(done.stderr ?? ''),
    exitCode: done.exitCode ?? -1,
  };
  if (!(options.okCodes ?? [0]).includes(outcome.exitCode))
    throw failed(argv, outcome, done.signal, done.shortMessage);
  return outcome;
}

/** Those that still run end with us, as far as we end in order: execa does that for those of our session alone. */
const running = new Set<{ kill(): boolean }>();
process.on('exit', () => {
  for (const child of running) child.kill();
});

function execaOptions(options: RunOptions) {
  return {
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.binary ? { encoding: 'latin1' as const, stripFinalNewline: false } : {}),
    env: { LC_ALL: 'C', ...options.env },
    maxBuffer: 1 << 30,
    detached: options.inOurSession !== true,
    cleanup: false,
  } satisfies Options;
}

function timedOutError(argv: readonly string[], timeoutMs: number): DmError {
  return new DmError(
    'timeout',
    'COMMAND_TIMED_OUT',
    `"${argv.join(' ')}" gave no answer within ${timeoutMs / 1000} s.`,
    {
      data: { argv },
    },
  );
}

function failed(
  argv: readonly string[],
  outcome: Outcome,
  signal: string | undefined,
  short: string | undefined,
) {
  const reason = outcome.stderr.trim() || outcome.stdout.trim() || short || '';
  const how = signal ? `was ended by ${signal}` : `failed with exit code ${outcome.exitCode}`;
  return new DmError('internal', 'COMMAND_FAILED', `"${argv.join(' ')}" ${how}: ${reason}`, {
    data: { argv, signal, ...outcome },
  });
}

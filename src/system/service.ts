/**
 * A long-lived child: etcd, dotmesh-server. The kernel ends it with us (`setpriv --pdeathsig`, prctl(2)
 * PR_SET_PDEATHSIG), so that a killed run leaves nobody behind who writes to the pool.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { DmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { within } from '../lib/retry.ts';
import { eachLine } from './lines.ts';
import { endProcess, type ProcessIdentity, processIdentity } from './processes.ts';

export interface ServiceOptions {
  /** For the log and for messages: `etcd`. */
  name: string;
  argv: readonly [string, ...string[]];
  /** Added to our own environment; undefined takes a variable out. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Each line of its output is logged at debug. */
  log: Log;
  /** Called with each line, without its newline. */
  onOutput?: (line: string) => void;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Service {
  readonly pid: number;
  readonly identity: ProcessIdentity;
  /** Resolves when it has ended, for whatever reason; never rejects. */
  readonly exited: Promise<Exit>;
  /** Its last lines, at most 20, oldest first: for the message when it ended by itself. */
  tail(): string[];
  /**
   * SIGTERM, after `graceMs` SIGKILL; resolves when it has ended. Its own children are its own affair.
   * @throws DmError services/SERVICE_STUCK when even SIGKILL does not end it
   */
  stop(graceMs: number): Promise<void>;
}

const TAIL_LINES = 20;
const REAPED_MS = 5_000;

/**
 * Starts `argv` in a session of its own (a Ctrl-C on the terminal is for us to pass on) and resolves when the
 * process is there, which does not mean that it is ready.
 *
 * @throws DmError internal/COMMAND_MISSING when there is no setpriv; services/SERVICE_NOT_STARTED when it ended at
 *   once. A program that is not installed shows as `exited` with code 127 and a line in `tail`.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, argv, env, cwd, log } = options;
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...argv], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const exited = new Promise<Exit>(resolve =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  const tail = keepTail([child.stdout, child.stderr], line => {
    log.debug({ service: name }, line);
    options.onOutput?.(line);
  });
  await once(child, 'spawn').catch(cause => {
    throw new DmError('internal', 'COMMAND_MISSING', 'The program setpriv is not installed.', { cause });
  });
  const pid = child.pid ?? 0;
  const found = processIdentity(pid);
  if (!found)
    throw new DmError('services', 'SERVICE_NOT_STARTED', `${name} ended as soon as it was started.`);
  // setpriv has become the program, or is about to: the pid and the start time stay, its name may not show yet.
  const identity = { ...found, command: basename(argv[0]).slice(0, 15) };
  return {
    pid,
    identity,
    exited,
    tail: () => [...tail],
    async stop(graceMs) {
      // A process that has ended but for a thread that hangs is a zombie: its exit is not told until that ends.
      const hasEnded = (await endProcess(identity, { graceMs })) && (await within(exited, REAPED_MS));
      if (!hasEnded) {
        throw new DmError(
          'services',
          'SERVICE_STUCK',
          `${name} (pid ${pid}) does not end, not even by SIGKILL.`,
          {
            hint: 'It hangs in the kernel, most likely on a filesystem that does not answer.',
          },
        );
      }
    },
  };
}

function keepTail(streams: readonly Readable[], onLine: (line: string) => void): string[] {
  const tail: string[] = [];
  for (const stream of streams) {
    eachLine(stream, line => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      onLine(line);
    });
  }
  return tail;
}

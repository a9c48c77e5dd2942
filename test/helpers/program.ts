/** A child process of a test: what it printed, and how it ended. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Program {
  readonly pid: number;
  /** Both streams so far, in the order in which they came. */
  text(): string;
  /** Resolves when it has ended and its streams are closed; 127 when it could not be started. */
  readonly ended: Promise<ProgramEnd>;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
}

export interface ProgramOptions {
  /** The whole environment. */
  env: NodeJS.ProcessEnv;
  cwd?: string;
  /** Standard input, which then ends. */
  input?: string;
  onText?: (text: string) => void;
}

export function startProgram(argv: readonly [string, ...string[]], options: ProgramOptions): Program {
  const [file, ...args] = argv;
  const { env, cwd, input, onText } = options;
  const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  let running = true;
  child.stdin.on('error', () => {}); // It ended without reading.
  child.stdin.end(input ?? '');
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      onText?.(chunk);
    });
  }
  const failed = once(child, 'error').then(([error]) => {
    text += String(error);
    return { code: 127, signal: null };
  });
  const closed = once(child, 'close').then(([code, signal]) => ({ code, signal }) as ProgramEnd);
  const ended = Promise.race([closed.catch(() => failed), failed]).finally(() => {
    running = false;
  });
  return {
    pid: child.pid ?? 0,
    text: () => text,
    ended,
    isRunning: () => running,
    kill: signal => void child.kill(signal),
  };
}

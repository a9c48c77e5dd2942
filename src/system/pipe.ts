/** Two commands with a pipe between them, which the kernel fills and empties: no byte of it comes through us. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DmError } from '../lib/errors.ts';

/** So much of what a command complains of is kept. */
const LONGEST_COMPLAINT = 4096;

interface Running {
  argv: readonly string[];
  complaint(): string;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(): void;
}

/**
 * Runs `from | to` to the end of both. Both end with us (`setpriv --pdeathsig`).
 *
 * @throws DmError internal/COMMAND_FAILED (data: argv, stderr) of the receiver when it failed by itself, else of the
 *   sender; timeout/COMMAND_TIMED_OUT
 */
export async function pipe(
  from: readonly string[],
  to: readonly string[],
  { timeoutMs, env }: { timeoutMs: number; env?: Record<string, string> },
): Promise<void> {
  const environment = { ...process.env, LC_ALL: 'C', ...env };
  const sender = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...from], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const receiver = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...to], {
    env: environment,
    stdio: [sender.stdout, 'ignore', 'pipe'],
  });
  // Ours is closed: with the receiver gone the sender has nobody to write to, and ends.
  sender.stdout.destroy();
  const both = [running(from, sender), running(to, receiver)] as const;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    for (const each of both) each.kill();
  }, timeoutMs);
  const [sent, received] = await Promise.all(both.map(each => each.ended));
  clearTimeout(timer);
  if (isLate) {
    const message = `"${from.join(' ')}" was not done within ${timeoutMs / 1000} s.`;
    throw new DmError('timeout', 'COMMAND_TIMED_OUT', message, { data: { argv: from } });
  }
  if (received?.code !== 0) throw failed(both[1], both[0]);
  if (sent?.code !== 0) throw failed(both[0]);
}

function running(argv: readonly string[], child: ReturnType<typeof spawn>): Running {
  let text = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', chunk => {
    text = (text + chunk).slice(0, LONGEST_COMPLAINT);
  });
  const ended = once(child, 'close').then(
    ([code, signal]) => ({ code, signal }),
    error => {
      text += String(error);
      return { code: -1, signal: null };
    },
  );
  return { argv, complaint: () => text.trim(), ended, kill: () => child.kill('SIGKILL') };
}

/** What the other said belongs to it: a stream that breaks off is told by both. */
function failed({ argv, complaint }: Running, other?: Running): DmError {
  const stderr = [complaint(), other?.complaint() ?? ''].filter(text => text !== '').join('; ');
  return new DmError('internal', 'COMMAND_FAILED', `"${argv.join(' ')}" failed: ${stderr}`, {
    data: { argv, stderr },
  });
}

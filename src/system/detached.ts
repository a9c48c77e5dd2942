/** Starting a daemon that outlives us; everything else that we start ends with us (service.ts, run.ts). */

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/**
 * Starts `argv` in a session of its own, output appended to `logFile`, at most one at a time per `lockFile`: the
 * lock belongs to the daemon itself (flock(1) --no-fork becomes it), so it lasts as long as the daemon and no longer.
 * When another holds the lock, or there is no such program, nothing is started and nothing is said: what counts is
 * whether the daemon answers, which the caller has to see anyway.
 */
export function startDetached(
  argv: readonly [string, ...string[]],
  { lockFile, logFile }: { lockFile: string; logFile: string },
): void {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn('flock', ['--nonblock', '--no-fork', lockFile, ...argv], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
    });
    child.on('error', () => undefined);
    child.unref();
  } finally {
    closeSync(log);
  }
}

/**
 * The end of a program. Node's own exit waits for its file operations, and one that a hung ZFS never answers would keep
 * the process for ever, whatever signals it gets.
 */

import { until } from '../lib/retry.ts';

const GRACE_MS = 1_000;

/** Ends this process with `code`; by SIGKILL when a file operation has hung for a second more. */
export async function leave(code: number): Promise<never> {
  await until(() => !waitsForFiles(), { deadlineMs: GRACE_MS });
  if (waitsForFiles()) process.kill(process.pid, 'SIGKILL');
  return process.exit(code);
}

function waitsForFiles(): boolean {
  return process.getActiveResourcesInfo().some(name => name.startsWith('FSReq'));
}

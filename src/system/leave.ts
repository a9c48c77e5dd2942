/**
 * The end of a program. Node's own exit waits for its file operations, and one that a hung ZFS never answers would keep
 * the process for ever, whatever signals it gets. It does not wait for what a pipe has not taken yet.
 */

import { until } from '../lib/retry.ts';
import { isWritten } from './standard-streams.ts';

const GRACE_MS = 2_000;

/** Ends this process with `code`; by SIGKILL when a file operation has hung for two seconds more. */
export async function leave(code: number): Promise<never> {
  const said = () => isWritten([process.stdout, process.stderr]);
  await until(() => !waitsForFiles() && said(), { deadlineMs: GRACE_MS });
  if (waitsForFiles()) process.kill(process.pid, 'SIGKILL');
  return process.exit(code);
}

function waitsForFiles(): boolean {
  return process.getActiveResourcesInfo().some(name => name.startsWith('FSReq'));
}

/** Tells how a run goes: to its status file and, in one line, to the console of `--console`. Never throws. */

import { asDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { within } from '../lib/retry.ts';
import { dotsRoot } from '../model/layout.ts';
import { formatDotAddress } from '../model/names.ts';
import { mountsAt } from '../system/mounts.ts';
import { run } from '../system/run.ts';
import type { Input } from './input.ts';
import type { ProvisionOptions } from './options.ts';
import { liveRunFile, runPaths } from './run-files.ts';
import {
  failedStatus,
  type MountStatus,
  mergeMounts,
  newStatus,
  readStatus,
  STATUS_FILES,
  type State,
  type Status,
  statusLine,
  writeStatus,
} from './status.ts';

/** A serial console may be stuck, by a cable or a reader that stopped: it does not hold the boot. */
const CONSOLE_MS = 2_000;
const LOOK_MS = 2_000;

export interface Report {
  /** The dot's address is known once files are read. */
  named(address: Input['address']): void;
  mounts(now: readonly MountStatus[]): void;
  state(state: Exclude<State, 'failed'>): Promise<void>;
  failed(error: unknown): Promise<void>;
}

/**
 * @param options.mode picks the file; the boot step's keeps what is known of the mounts of other runs
 */
export async function createReport(
  options: Pick<ProvisionOptions, 'mode' | 'poolName' | 'target' | 'console'>,
  log: Log,
): Promise<Report> {
  const { mode, poolName, target } = options;
  const file = STATUS_FILES[mode];
  const text = target !== undefined && 'text' in target.dot ? target.dot.text : '';
  let status = newStatus(poolName, text, target?.mountpoint ?? '');
  if (mode === 'oneshot') {
    const before = await readStatus(file).catch(() => undefined);
    if (before?.pool === poolName) status = { ...status, mounts: before.mounts };
  }
  const tell = async (now: Status) => {
    status = now;
    await writeStatus(file, status).catch((error: unknown) =>
      log.warn(`${file} can not be written: ${asDmError(error).message}`),
    );
    const line = statusLine(status);
    if (line !== undefined && options.console !== undefined) await writeConsole(options.console, line, log);
  };
  return {
    named(address) {
      if (address) status = { ...status, dot: formatDotAddress(address) };
    },
    mounts(now) {
      status = { ...status, mounts: mergeMounts(status.mounts, now) };
    },
    state: state => tell({ ...status, state, code: '', kind: '', message: '', hint: '' }),
    async failed(error) {
      const places = [status.mountpoint, ...status.mounts.map(({ mountpoint }) => mountpoint)];
      await tell(failedStatus(status, error, await mountedOf(poolName, places)));
    },
  };
}

/** Those of the mountpoints where a dot of the pool is mounted. */
async function mountedOf(pool: string, mountpoints: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const mountpoint of mountpoints.filter(path => path !== '')) {
    // What the table does not know as it stands is looked for on disk, which may hang.
    const mounts = await within(
      mountsAt(mountpoint).catch(() => []),
      LOOK_MS,
    );
    if (mounts?.at(-1)?.source.startsWith(`${dotsRoot(pool)}/`)) found.add(mountpoint);
  }
  return found;
}

/** Whether the file of this mode is about a daemon that serves the pool and is not this process: it stays as it is. */
export async function isAnothers({
  mode,
  poolName,
}: Pick<ProvisionOptions, 'mode' | 'poolName'>): Promise<boolean> {
  if (mode === 'oneshot') return false;
  const daemon = await liveRunFile(runPaths(poolName).daemon);
  return daemon !== undefined && daemon.pid !== process.pid;
}

/** By a child: an open or a write that hangs in the kernel can not be taken back. */
export async function writeConsole(file: string, line: string, log: Log): Promise<void> {
  try {
    const options = { input: `${line}\n`, timeoutMs: CONSOLE_MS, inOurSession: true };
    await run(['tee', '-a', file], options);
  } catch (error) {
    log.warn(`nothing can be written to the console: ${asDmError(error).message}`);
  }
}

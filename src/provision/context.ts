/** What the steps of provisioning are handed: the adapters, the ways to speak, and the time that is left. */

import type { Etcd } from '../etcd/index.ts';
import { DmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { MethodName, Methods } from '../wire/methods.ts';
import type { Pools, Zfs } from '../zfs/index.ts';

/** The server over its UNIX socket, where we are admin. */
export interface ServerClient {
  call<M extends MethodName>(
    method: M,
    params: Methods[M]['params'],
    options?: { timeoutMs?: number },
  ): Promise<Methods[M]['result']>;
  /** Ends idle connections, for which a server that stops would wait. */
  close(): void;
}

export interface Adapters {
  /** Asks once what this ZFS can do. @throws DmError zfs/ZFS_MISSING */
  connectZfs(): Promise<{ zfs: Zfs; pools: Pools }>;
  connectEtcd(socketPath: string): Pick<Etcd, 'healthy' | 'close'>;
  connectServer(socketPath: string): ServerClient;
  /** Touches a file of a mounted filesystem in a child. @throws DmError zfs/ZFS_HUNG */
  probeFiles(directory: string, deadlineMs: number): Promise<void>;
  /** The program that runs: dotmesh-server is looked for beside it. */
  program: string;
}

export interface Context {
  adapters: Adapters;
  log: Log;
  /** One line of progress for a person. */
  tell(sentence: string): void;
  /** One line that the server wrote to its log, as it is. */
  relay(line: string): void;
  /** Aborted with a DmError interrupted/INTERRUPTED when a signal asks us to end. */
  interrupted: AbortSignal;
}

/** A run against the clock: aborted by a signal or when `--timeout` has passed. */
export interface Clock {
  signal: AbortSignal;
  remainingMs(): number;
}

/**
 * Runs `work` for at most `timeoutMs` milliseconds. Whatever it throws after the end is replaced by the
 * reason.
 *
 * @throws DmError timeout/PROVISION_TIMED_OUT, interrupted/INTERRUPTED, and what `work` throws
 */
export async function againstTheClock<T>(
  { interrupted }: Pick<Context, 'interrupted'>,
  timeoutMs: number,
  work: (clock: Clock) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(timedOut(timeoutMs)), timeoutMs);
  const end = performance.now() + timeoutMs;
  const signal = AbortSignal.any([interrupted, late.signal]);
  try {
    signal.throwIfAborted();
    return await work({ signal, remainingMs: () => Math.max(1, end - performance.now()) });
  } catch (error) {
    // The last step saw an AbortError or a closed socket; why it was cut off is what the user wants to know.
    if (signal.aborted && !isTelling(error)) throw reasonOf(signal, error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether it says more than that time was up. A command that the same signal ended does not. */
function isTelling(error: unknown): boolean {
  if (!(error instanceof DmError) || error.data['signal'] !== undefined) return false;
  return error.kind === 'internal' || error.kind === 'locked';
}

/**
 * The promise's outcome, or the signal's reason as soon as that is aborted; the promise is then left alone.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined); // It may fail later, with nobody waiting any more.
  signal.throwIfAborted();
  let cut: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    cut = () => reject(signal.reason);
    signal.addEventListener('abort', cut, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (cut) signal.removeEventListener('abort', cut);
  }
}

/** Runs `work` with a client of the server at `socketPath` whose calls end with the clock, and closes it. */
export async function withClient<T>(
  { adapters }: Pick<Context, 'adapters'>,
  socketPath: string,
  { signal }: Pick<Clock, 'signal'>,
  work: (client: Pick<ServerClient, 'call'>) => Promise<T>,
): Promise<T> {
  const client = adapters.connectServer(socketPath);
  try {
    return await work({
      call: (method, params, options) => abortable(client.call(method, params, options), signal),
    });
  } finally {
    client.close();
  }
}

function timedOut(timeoutMs: number): DmError {
  return new DmError('timeout', 'PROVISION_TIMED_OUT', `This was not done within ${timeoutMs / 1000} s.`, {
    hint: 'Give it more with --timeout, or see what it waited for with --log-level=debug.',
  });
}

function reasonOf(signal: AbortSignal, cause: unknown): unknown {
  const { reason } = signal;
  if (!(reason instanceof DmError) || reason === cause) return reason;
  const details = { hint: reason.hint, data: reason.data, cause };
  return new DmError(reason.kind, reason.code, reason.message, details);
}

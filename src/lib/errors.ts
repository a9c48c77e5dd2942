/**
 * What can go wrong, for programs and for people.
 *
 * Each error has a constant `code` (tests and callers compare that, never the sentence), a `kind` (it picks the
 * exit code of a program, docs/exit-codes.md), one sentence in `message`, and where it helps a `hint`: what the
 * user can do now.
 */

export type Kind =
  | 'usage' // a flag, a file of flags, or a name is wrong
  | 'device' // a disk that we will not, or can not, use
  | 'pool' // a pool that we will not, or can not, use
  | 'zfs' // ZFS is not there, or does not answer
  | 'services' // etcd or dotmesh-server does not start or does not stay
  | 'dot' // a dot that can not be made or found
  | 'mount' // a mountpoint that can not be used
  | 'timeout' // a deadline passed
  | 'locked' // somebody else is at work on the same thing
  | 'secrets' // a key or password is missing, unreadable or refused
  | 'denied' // the caller may not do that
  | 'interrupted' // a signal ended the work
  | 'internal'; // a fault of ours

export interface Details {
  hint?: string;
  data?: Record<string, unknown>;
  cause?: unknown;
}

export class DmError extends Error {
  override readonly name = 'DmError';
  readonly code: string;
  readonly kind: Kind;
  readonly hint: string | undefined;
  readonly data: Record<string, unknown>;

  constructor(kind: Kind, code: string, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.code = code;
    this.hint = details.hint;
    this.data = details.data ?? {};
  }
}

export function isDmError(error: unknown, code?: string): error is DmError {
  return error instanceof DmError && (code === undefined || error.code === code);
}

/** Anything that was thrown, as a DmError: what is not one is a fault of ours. */
export function asDmError(error: unknown): DmError {
  if (error instanceof DmError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DmError('internal', 'INTERNAL', message, { cause: error });
}

/** The code of a Node system error (`ENOENT`, `EACCES`…), or undefined. */
export function errno(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** What went wrong between us and a server, as one sentence that names the server. */

import { DmError, errno } from '../lib/errors.ts';
import type { Answer } from './http.ts';

/** The original client's text for any 401. Wire reference §1.4. */
export const DENIED = 'Permission denied. Please check that your API key is still valid.';

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed before an answer came',
  ERR_STREAM_PREMATURE_CLOSE: 'the connection was closed before the answer was complete',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'there is no route to that host',
  ENETUNREACH: 'there is no route to that network',
  ETIMEDOUT: 'no connection within the time the system allows',
  ENOENT: 'there is no such socket',
  EACCES: 'access to the socket is not allowed',
};

/** Codes of what `connect` answers while nobody listens there (yet). */
const NOBODY = new Set(['ECONNREFUSED', 'ENOENT']);

/**
 * An error of node-fetch or of a deadline, translated.
 *
 * Codes: services/UNREACHABLE, timeout/RPC_TIMED_OUT, internal/ANSWER_TOO_BIG
 */
export function connectionFailure(place: string, error: unknown, timeoutMs: number): DmError {
  if (isAbort(error)) {
    return new DmError('timeout', 'RPC_TIMED_OUT', `${place} gave no answer within ${timeoutMs / 1000} s.`, {
      hint: 'What was asked for may still be under way over there.',
      cause: error,
    });
  }
  if ((error as { type?: unknown }).type === 'max-size') {
    return new DmError('internal', 'ANSWER_TOO_BIG', `The answer of ${place} is too big.`, { cause: error });
  }
  const code = errno(error) ?? '';
  const reason = REASONS[code] ?? tlsReason(code) ?? (error instanceof Error ? error.message : String(error));
  return new DmError('services', 'UNREACHABLE', `Unable to connect to ${place}: ${reason}.`, {
    hint: NOBODY.has(code) ? 'Is dotmesh-server running there?' : undefined,
    cause: error,
  });
}

/** An answer that no dotmesh server gives: a web page, a redirect, a proxy's complaint. */
export function notDotmesh(place: string, { status, contentType }: Answer): DmError {
  const kind = contentType === '' ? 'no content type' : contentType.slice(0, 60);
  const moved =
    status >= 300 && status < 400 ? ' A redirect is not followed, since it would carry the key along.' : '';
  return new DmError(
    'services',
    'NOT_DOTMESH',
    `${place} answered, but not as a dotmesh server does (HTTP ${status}, ${kind}).${moved}`,
    { hint: 'Check host and port.' },
  );
}

export function denied(): DmError {
  return new DmError('denied', 'DENIED', DENIED);
}

function isAbort(error: unknown): boolean {
  const name = error instanceof Error ? error.name : '';
  return name === 'AbortError' || name === 'TimeoutError';
}

function tlsReason(code: string): string | undefined {
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return 'it does not speak TLS';
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS/.test(code)) {
    return `its certificate is not trusted (${code})`;
  }
  return undefined;
}

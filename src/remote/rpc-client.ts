/**
 * JSON-RPC calls to a dotmesh server, over TCP with credentials or over its UNIX socket. Wire reference
 * §1.4.
 */

import { DmError } from '../lib/errors.ts';
import type { MethodName, Methods } from '../wire/methods.ts';
import { SERVICE } from '../wire/methods.ts';
import { findServer, originsOf } from './address.ts';
import { connectionFailure, denied, notDotmesh } from './failures.ts';
import { type Answer, type Http, openHttp } from './http.ts';
import { maskSecrets } from './mask.ts';

export type RpcTarget =
  | { socketPath: string }
  /** `host` may be an IPv6 address, with or without brackets. No port (or 0): found by asking. */
  | { host: string; port?: number | undefined; user: string; apiKey: string };

export interface RpcClientOptions {
  /** Milliseconds for a call, unless the call says otherwise. Default 60 s. */
  timeoutMs?: number;
  /** Milliseconds for each of the places asked when no port is given. Default 10 s. */
  probeTimeoutMs?: number;
  /** Sees each request and answer, secrets blanked. */
  trace?: (what: 'request' | 'response', text: string) => void;
}

export interface RpcClient {
  /**
   * Asks for one method and resolves to its result.
   *
   * @throws DmError denied/DENIED, services/UNREACHABLE, services/NOT_DOTMESH, timeout/RPC_TIMED_OUT,
   *   internal/ANSWER_TOO_BIG, internal/NO_RESULT, dot/METHOD_MISSING (an older or smaller server),
   *   dot/RPC_ERROR with the server's message as it is (data: method, code)
   */
  call<M extends MethodName>(
    method: M,
    params: Methods[M]['params'],
    options?: { timeoutMs?: number },
  ): Promise<Methods[M]['result']>;
  /** Ends idle connections. */
  close(): void;
}

export function createRpcClient(target: RpcTarget, options: RpcClientOptions = {}): RpcClient {
  const { timeoutMs: usualTimeoutMs = 60_000, probeTimeoutMs = 10_000, trace } = options;
  const server = locate(target, probeTimeoutMs);
  const secrets = 'apiKey' in target ? [target.apiKey, server.authorization ?? ''] : [];
  const shown = (text: string) => maskSecrets(text, secrets);

  return {
    async call(method, params, { timeoutMs = usualTimeoutMs } = {}) {
      const body = requestBody(method, params);
      const http = await server.connect();
      trace?.('request', shown(body));
      const answer = await http
        .post({ body, authorization: server.authorization, timeoutMs })
        .catch(error => {
          throw connectionFailure(server.place, error, timeoutMs);
        });
      trace?.('response', shown(answer.body));
      return resultOf(answer, method, server.place);
    },
    close: () => server.close(),
  };
}

interface Server {
  /** For sentences: `host:port`, or the socket's path. */
  place: string;
  authorization: string | undefined;
  connect(): Promise<Http>;
  close(): void;
}

function locate(target: RpcTarget, probeTimeoutMs: number): Server {
  if ('socketPath' in target) {
    const http = openHttp({ origin: 'http://localhost', socketPath: target.socketPath });
    return fixed(target.socketPath, undefined, http);
  }
  const authorization = `Basic ${Buffer.from(`${target.user}:${target.apiKey}`).toString('base64')}`;
  const origins = originsOf(target.host, target.port);
  const place = origins[0]?.replace(/^\w+:\/\//, '') ?? target.host;
  if (target.port) return fixed(place, authorization, openHttp({ origin: origins[0] ?? '' }));

  let found: Promise<Http> | undefined;
  return {
    place: target.host,
    authorization,
    connect() {
      // Once found it stays for this process; a failure does not, the next call looks again.
      found ??= findServer(origins, requestBody('Ping', null), probeTimeoutMs).catch(error => {
        found = undefined;
        throw error;
      });
      return found;
    },
    close: () => void found?.then(http => http.close()).catch(() => undefined),
  };
}

function fixed(place: string, authorization: string | undefined, http: Http): Server {
  return { place, authorization, connect: async () => http, close: () => http.close() };
}

function requestBody(method: string, params: unknown): string {
  const id = 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1));
  return JSON.stringify({ jsonrpc: '2.0', method: `${SERVICE}.${method}`, params, id });
}

function resultOf<M extends MethodName>(answer: Answer, method: M, place: string): Methods[M]['result'] {
  if (answer.status === 401) throw denied();
  const reply = answer.status === 200 ? asObject(answer.body) : undefined;
  if (reply === undefined || !('result' in reply || 'error' in reply)) throw notDotmesh(place, answer);
  if (reply['error'] !== undefined && reply['error'] !== null) throw serverError(reply['error'], method);
  const result = reply['result'];
  if (result === undefined || result === null) {
    throw new DmError('internal', 'NO_RESULT', `${place} answered ${SERVICE}.${method} without a result.`);
  }
  return result as Methods[M]['result'];
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function serverError(error: unknown, method: string): DmError {
  const { message, code } = error as { message?: unknown; code?: unknown };
  const text = typeof message === 'string' && message !== '' ? message : JSON.stringify(error);
  const missing = /^rpc: can't find (method|service)/.test(text);
  return new DmError('dot', missing ? 'METHOD_MISSING' : 'RPC_ERROR', text, { data: { method, code } });
}

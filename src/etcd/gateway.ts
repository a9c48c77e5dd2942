/**
 * etcd over its v3 JSON gateway: node-fetch is kept here (and in remote/). No client library: those read
 * `.proto` files beside themselves, which a bundle does not have.
 */

import http from 'node:http';
import https from 'node:https';
import fetch, { type Response } from 'node-fetch';
import { asDmError, DmError, errno } from '../lib/errors.ts';
import type { Etcd } from './index.ts';
import { batches, fromBase64, rangeEnd, toBase64, toOperation } from './keys.ts';

export interface GatewayOptions {
  /** `http://HOST:PORT`, `https://HOST:PORT`, or `unix:///path/of/socket`. */
  endpoint: string;
  /** PEM texts, for https. */
  tls?: { ca: string; cert: string; key: string };
  /** Milliseconds that one request may take. Default 5000. */
  timeoutMs?: number;
}

/** An answer larger than this is not an index of dots; reading it would take the memory of the server. */
const MAX_ANSWER_BYTES = 256 << 20;

interface RangeAnswer {
  kvs?: { key: string; value?: string }[];
}

/** @throws DmError usage/BAD_ETCD_ENDPOINT */
export function createGateway({ endpoint, tls, timeoutMs = 5000 }: GatewayOptions): Etcd {
  const { base, agent } = connect(endpoint, tls);

  /** Every request that we make may be made twice, so one that met a connection etcd had closed is. */
  async function post<T>(path: string, body: unknown, deadlineMs = timeoutMs): Promise<T> {
    const signal = AbortSignal.timeout(deadlineMs);
    const send = () =>
      fetch(`${base}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
        redirect: 'error',
        size: MAX_ANSWER_BYTES,
        agent,
        signal,
      });
    try {
      const response = await send().catch(error => {
        if (['ECONNRESET', 'EPIPE'].includes(errno(error) ?? '') && !signal.aborted) return send();
        throw error;
      });
      if (!response.ok) throw await refusal(response);
      return (await response.json()) as T;
    } catch (error) {
      if (error instanceof DmError) throw error;
      if (signal.aborted) {
        const text = `etcd gave no answer within ${deadlineMs / 1000} s.`;
        throw new DmError('services', 'ETCD_TIMED_OUT', text, { cause: error });
      }
      const text = `etcd can not be reached at ${place(endpoint)}: ${asDmError(error).message}`;
      throw new DmError('services', 'ETCD_UNREACHABLE', text, { cause: error });
    }
  }

  async function range(body: unknown, deadlineMs?: number) {
    const { kvs = [] } = await post<RangeAnswer>('/v3/kv/range', body, deadlineMs);
    return kvs.map(({ key, value = '' }) => ({ key: fromBase64(key), value: fromBase64(value) }));
  }

  return {
    list: prefix =>
      range({
        key: prefix === '' ? rangeEnd('') : toBase64(prefix),
        range_end: rangeEnd(prefix),
        sort_order: 'ASCEND',
        sort_target: 'KEY',
      }),
    get: async key => (await range({ key: toBase64(key) }))[0]?.value,
    async apply(changes) {
      for (const batch of batches(changes)) await post('/v3/kv/txn', { success: batch.map(toOperation) });
    },
    healthy: deadlineMs =>
      range({ key: toBase64('dotmesh.io/health') }, deadlineMs).then(
        () => true,
        () => false,
      ),
    close: () => agent.destroy(),
  };
}

function connect(endpoint: string, tls: GatewayOptions['tls']): { base: string; agent: http.Agent } {
  const keep = { keepAlive: true, maxSockets: 8 };
  if (endpoint.startsWith('unix:///')) {
    return { base: 'http://etcd', agent: new SocketAgent(endpoint.slice('unix://'.length), keep) };
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol === 'http:') return { base: url.origin, agent: new http.Agent(keep) };
  if (url?.protocol === 'https:') return { base: url.origin, agent: new https.Agent({ ...keep, ...tls }) };
  throw new DmError('usage', 'BAD_ETCD_ENDPOINT', 'The address of etcd is none that can be used.', {
    hint: 'Write it as http://HOST:PORT, https://HOST:PORT or unix:///path/of/socket.',
  });
}

/** Connects to a UNIX socket whatever the URL's host is. */
class SocketAgent extends http.Agent {
  constructor(socketPath: string, options: http.AgentOptions) {
    super({ ...options, socketPath } as http.AgentOptions);
  }
}

/** The endpoint as it may stand in a log: without a user or password in it. */
function place(endpoint: string): string {
  return endpoint.startsWith('unix:') ? endpoint.slice('unix://'.length) : new URL(endpoint).host;
}

async function refusal(response: Response): Promise<DmError> {
  const text = await response.text();
  const { message, error } = parsed(text);
  const reason = String(message ?? error ?? text).slice(0, 300);
  return new DmError('services', 'ETCD_REFUSED', `etcd refused: ${reason}`, {
    data: { status: response.status },
  });
}

function parsed(text: string): { message?: unknown; error?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

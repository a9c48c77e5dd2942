/**
 * One POST of JSON to `/rpc`: node-fetch is kept here. Bounded in time and size, redirects are never
 * followed.
 */

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import fetch from 'node-fetch';

/** Bytes of an answer at most: a list of 100,000 dots has about 50 MB. */
const MAX_BODY_BYTES = 64 << 20;

/** Where to send: `origin` such as `http://host:32607`; with a socket path, the origin is only a name. */
export interface Endpoint {
  origin: string;
  socketPath?: string;
}

export interface Post {
  body: string;
  /** Value of the Authorization header. */
  authorization?: string | undefined;
  /** Milliseconds for the whole exchange, the body included. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

export interface Http {
  /** @throws what node-fetch throws: FetchError, or the reason of the abort (TimeoutError) */
  post(request: Post): Promise<Answer>;
  /** Closes idle connections. */
  close(): void;
}

export function openHttp({ origin, socketPath }: Endpoint): Http {
  const options = { keepAlive: true, maxSockets: 8, ...(socketPath === undefined ? {} : { socketPath }) };
  const agent = origin.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  return {
    async post({ body, authorization, timeoutMs, signal }) {
      const deadline = AbortSignal.timeout(timeoutMs);
      const response = await fetch(`${origin}/rpc`, {
        method: 'POST',
        agent,
        body,
        headers: { 'Content-Type': 'application/json', ...(authorization ? { authorization } : {}) },
        // Credentials go where the user sent them and nowhere else.
        redirect: 'manual',
        // No compression: a small answer can not grow without bound.
        compress: false,
        size: MAX_BODY_BYTES,
        signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
      });
      return {
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        body: await response.text(),
      };
    },
    close: () => agent.destroy(),
  };
}

/** One HTTP request with nothing between test and server: no agent, no redirect, no retry. */

import { type IncomingHttpHeaders, request } from 'node:http';

const DEADLINE_MS = 120_000;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Asking {
  method?: string;
  path?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
  /** `login:secret`; null for none. */
  auth?: string | null;
  over?: 'tcp' | 'socket';
}

export function ask(
  where: { socketPath: string } | { host: string; port: number },
  { method = 'GET', path = '/', body, headers, auth }: Asking,
): Promise<Answer> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  return new Promise((resolve, reject) => {
    const options = { ...where, method, path, headers, agent: false, signal, ...(auth ? { auth } : {}) };
    const req = request(options, res => {
      const chunks: Buffer[] = [];
      res.on('data', chunk => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

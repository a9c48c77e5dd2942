/**
 * A stand-in for a dotmesh server: an HTTP server on 127.0.0.1 that speaks the wire and keeps dots in
 * memory.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MethodName, Methods } from '../../src/wire/methods.ts';

export interface FakeCall {
  method: string;
  params: unknown;
  authorization: string | undefined;
}

type Handlers = { [M in MethodName]?: (params: Methods[M]['params']) => unknown };

export interface FakeDotmesh {
  port: number;
  calls: FakeCall[];
  close(): Promise<void>;
}

/** What a handler throws travels as an RPC error. Credentials are always `admin` and `key`. */
export async function startFakeDotmesh(handlers: Handlers): Promise<FakeDotmesh> {
  const calls: FakeCall[] = [];
  const answer = (text: string, authorization: string | undefined) => {
    const { method, params, id } = JSON.parse(text) as { method: string; params: unknown; id: number };
    calls.push({ method, params, authorization });
    const name = method.replace('DotmeshRPC.', '') as MethodName;
    const handler = handlers[name] as ((params: unknown) => unknown) | undefined;
    if (!handler) return failure(id, `rpc: can't find method "${method}"`);
    try {
      return { jsonrpc: '2.0', result: handler(params), id };
    } catch (error) {
      return failure(id, (error as Error).message);
    }
  };
  return listen(async (request, response) => {
    const text = await bodyOf(request);
    const { authorization } = request.headers;
    if (authorization !== `Basic ${Buffer.from('admin:key').toString('base64')}`) {
      calls.push({ method: '401', params: null, authorization });
      response.writeHead(401, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Unauthorized.\n');
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(`${JSON.stringify(answer(text, authorization))}\n`);
  }, calls);
}

export async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  calls: FakeCall[] = [],
): Promise<FakeDotmesh> {
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function failure(id: number, message: string) {
  return { jsonrpc: '2.0', error: { code: -32000, message, data: null }, id };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

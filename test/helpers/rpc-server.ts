/** A real HTTP server on 127.0.0.1 and on a UNIX socket, with a fake workshop behind it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../src/lib/log.ts';
import { type Daemon, startDaemon } from '../../src/server/daemon.ts';
import type { Limits } from '../../src/server/listener.ts';
import { ADMIN_KEY, fakeWorkshop, type Overrides } from './fake-workshop.ts';
import { type Answer, ask as askHttp, type Asking as HttpAsking } from './http.ts';

/** As in http.ts; without `auth` it is the admin's key. */
export interface Asking extends Omit<HttpAsking, 'over'> {
  over?: 'tcp' | 'socket' | 'check';
}

export interface TestServer {
  daemon: Daemon;
  socketPath: string;
  /** What the server logged, JSON lines. */
  logged: string[];
  ask(asking: Asking): Promise<Answer>;
  /** `POST /rpc` with JSON. */
  rpc(body: string, asking?: Asking): Promise<Answer>;
  /** The `error.message`, or the result, of a call. */
  call(method: string, params: unknown, asking?: Asking): Promise<unknown>;
  /** Sends bytes as they are; resolves to what came back once the server has closed the connection. */
  raw(bytes: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startTestServer(
  overrides: Overrides = {},
  options: { limits?: Limits; graceMs?: number } = {},
): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'dm-server-'));
  const socketPath = join(directory, 'run', 'server.sock');
  const logged: string[] = [];
  const daemon = await startDaemon({
    workshop: fakeWorkshop(overrides),
    log: createLog({
      name: 'test',
      level: 'info',
      format: 'json',
      destination: { write: line => logged.push(line) },
    }),
    pool: 'tank',
    listen: { host: '127.0.0.1', port: 0 },
    socket: socketPath,
    check: { host: '127.0.0.1', port: 0 },
    ...options,
  });

  function ask({ over = 'tcp', auth = `admin:${ADMIN_KEY}`, ...asking }: Asking): Promise<Answer> {
    const where =
      over === 'socket'
        ? { socketPath }
        : { host: '127.0.0.1', port: over === 'tcp' ? (daemon.port ?? 0) : (daemon.checkPort ?? 0) };
    return askHttp(where, { ...asking, auth });
  }

  const rpc = (body: string, asking: Asking = {}) =>
    ask({
      method: 'POST',
      path: '/rpc',
      ...asking,
      headers: { 'Content-Type': 'application/json', ...asking.headers },
      body,
    });

  return {
    daemon,
    socketPath,
    logged,
    ask,
    rpc,
    async call(method, params, asking) {
      const text = JSON.stringify({ jsonrpc: '2.0', method: `DotmeshRPC.${method}`, params, id: 1 });
      const answer = JSON.parse((await rpc(text, asking)).body) as {
        result?: unknown;
        error?: { message: string };
      };
      return answer.error?.message ?? answer.result;
    },
    raw: bytes =>
      new Promise(resolve => {
        const socket = connect(daemon.port ?? 0, '127.0.0.1');
        let text = '';
        socket.setEncoding('utf8');
        socket.on('data', chunk => {
          text += chunk;
        });
        socket.on('close', () => resolve(text));
        // A reset is one way to be cut; 'close' follows.
        socket.on('error', () => {});
        socket.write(bytes);
      }),
    async stop() {
      await daemon.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What the benchmark measures with: an etcd, servers as the original dm-linuxkit starts them, pools. */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { until } from '../../src/lib/retry.ts';
import { sparing } from '../../src/provision/server-service.ts';
import { createRpcClient } from '../../src/remote/rpc-client.ts';
import { mountTable } from '../../src/system/mounts.ts';
import { run } from '../../src/system/run.ts';

export const dist = (name: string): string => join(process.cwd(), 'dist', name);
export const KEY = 'bench-key-of-no-value';

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Those that still run: an error on the way must not leave them. */
export const running = new Set<Server>();

export interface Server {
  pid: number;
  port: number;
  readyMs: number;
  stop(): Promise<void>;
}

/** dotmesh-server by itself, with the environment that the original dm-linuxkit gives, and the memory that ours allows. */
export async function startServer(pool: string, folder: string, etcdPort: number): Promise<Server> {
  const port = await freePort();
  const begin = performance.now();
  const child = spawn(process.execPath, [dist('dotmesh-server')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...sparing(process.env['NODE_OPTIONS']),
      POOL: pool,
      MOUNT_PREFIX: join(folder, 'mnt'),
      CONTAINER_MOUNT_PREFIX: join(folder, 'container_mnt'),
      CONTAINER_RUNTIME: 'null',
      DISABLE_FLEXVOLUME: '1',
      DOTMESH_SERVER_PORT: String(port),
      DOTMESH_ETCD_ENDPOINT: `http://127.0.0.1:${etcdPort}`,
      INITIAL_ADMIN_API_KEY: Buffer.from(KEY).toString('base64'),
      INITIAL_ADMIN_PASSWORD: Buffer.from(KEY).toString('base64'),
      LOG_LEVEL: 'warn',
    },
  });
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const rpc = client(port);
  const answered = await until(() => rpc.call('Ping', null, { timeoutMs: 5000 }).catch(() => false), {
    deadlineMs: 120_000,
  });
  if (!answered) throw new Error('the server did not come up');
  const server: Server = {
    pid: child.pid ?? 0,
    port,
    readyMs: performance.now() - begin,
    stop: async () => {
      running.delete(server);
      child.kill('SIGTERM');
      await exited;
    },
  };
  running.add(server);
  return server;
}

export function client(port: number) {
  return createRpcClient({ host: '127.0.0.1', port, user: 'admin', apiKey: KEY }, { timeoutMs: 60_000 });
}

export async function startEtcd(folder: string): Promise<{ port: number; stop(): Promise<void> }> {
  const [port, peer] = [await freePort(), await freePort()];
  const child = spawn(
    'etcd',
    [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=http://127.0.0.1:${port}`,
      `--advertise-client-urls=http://127.0.0.1:${port}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      '--heartbeat-interval=10',
      '--election-timeout=50',
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const healthy = () =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      answer => answer.ok,
      () => false,
    );
  if (!(await until(healthy, { deadlineMs: 60_000 }))) throw new Error('etcd did not come up');
  return {
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export async function memory(pid: number): Promise<number> {
  return (
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024
  );
}

/** Clock ticks (1/100 s) that a process has used. */
export async function ticks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

export async function unmountAll(pool: string): Promise<void> {
  const mounts = (await mountTable()).filter(({ source }) => source.startsWith(`${pool}/`));
  for (const { mountpoint } of mounts.reverse()) await run(['umount', mountpoint]);
}

/** The environment of a `dm` that knows this server and nothing else. */
export async function profile(server: Server, folder: string): Promise<NodeJS.ProcessEnv> {
  const home = await mkdtemp(join(folder, 'home-'));
  const env = { HOME: home, DOTMESH_PASSWORD: KEY };
  await run([process.execPath, dist('dm'), 'remote', 'add', 'local', `admin@127.0.0.1:${server.port}`], {
    env,
  });
  return env;
}

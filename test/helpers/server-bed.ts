/** dotmesh-server as a machine runs it: the built program, a real etcd, and a pool in a file. */

import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createGateway } from '../../src/etcd/gateway.ts';
import type { KeyValue } from '../../src/etcd/index.ts';
import { until } from '../../src/lib/retry.ts';
import { etcdMountpoint } from '../../src/model/layout.ts';
import { etcdArguments } from '../../src/provision/etcd-arguments.ts';
import { sh } from './disks.ts';
import { type Answer, type Asking, ask } from './http.ts';
import { type Program, type ProgramEnd, startProgram } from './program.ts';

/** Everything here waits for a condition; this is when it is given up, on a machine that does ten things at once. */
const PATIENCE_MS = 120_000;
export const DIST = process.env['DM_DIST'] ?? join(process.cwd(), 'dist');
export const NODE = process.env['DM_NODE'] ?? process.execPath;

/** A method's answer: the error's message or the result. */
export interface RpcAnswer {
  result?: unknown;
  error?: string;
  http: Answer;
}

export interface Bed {
  folder: string;
  pool: string;
  port: number;
  socket: string;
  stateDirectory: string;
  mountPrefix: string;
  containerMountPrefix: string;
  /** The admin's, as the machine's metadata has them. */
  key: string;
  password: string;
}

export class ServerBed {
  readonly at: Bed;
  /** What all servers on this bed printed. */
  log = '';
  #etcd: Program | undefined;
  #server: Program | undefined;

  private constructor(at: Bed) {
    this.at = at;
  }

  /** `name` is short: the folder has sockets in it. */
  static async make(name: string, sizeMiB = 256): Promise<ServerBed> {
    const folder = await mkdtemp(join(tmpdir(), `${name}-`));
    const pool = `${name}-${process.env['DM_TEST'] ?? process.pid}`;
    const disk = join(folder, 'disk');
    await writeFile(disk, '');
    await truncate(disk, sizeMiB * 2 ** 20);
    await sh('zpool', 'create', '-m', 'none', pool, disk);
    const bed = new ServerBed({
      folder,
      pool,
      port: await freePort(),
      socket: join(folder, 'server.sock'),
      stateDirectory: etcdMountpoint(join(folder, 'mnt'), pool),
      mountPrefix: join(folder, 'mnt'),
      containerMountPrefix: join(folder, 'container_mnt'),
      key: 'INITIALKEYINITIALKEYINITIALKEYINITIALKEYINITIALKEYIN====',
      password: 'initial-password',
    });
    await writeFile(join(folder, 'key'), `${bed.at.key}\n`, { mode: 0o600 });
    await writeFile(join(folder, 'password'), bed.at.password, { mode: 0o600 });
    return bed;
  }

  get server(): Program {
    if (!this.#server) throw new Error('no server was started');
    return this.#server;
  }

  get etcdEndpoint(): string {
    return `unix://${join(this.at.folder, 'etcd.sock:0')}`;
  }

  get etcdData(): string {
    return join(this.at.folder, 'etcd');
  }

  /** Starts what is not running: etcd on a socket, the server on a port and a socket. */
  async up(): Promise<void> {
    if (!this.#etcd?.isRunning()) await this.startEtcd();
    if (this.#server?.isRunning()) return;
    const { folder, port, socket } = this.at;
    await this.startServer([NODE, join(DIST, 'dotmesh-server')], {
      ...process.env,
      ...this.commonEnvironment(),
      DOTMESH_ETCD_ENDPOINT: this.etcdEndpoint,
      DOTMESH_LISTEN: `127.0.0.1:${port}`,
      DOTMESH_CHECK_LISTEN: 'off',
      DOTMESH_SOCKET: socket,
      DOTMESH_ADMIN_API_KEY_FILE: join(folder, 'key'),
      DOTMESH_ADMIN_PASSWORD_FILE: join(folder, 'password'),
      LOG_LEVEL: 'debug',
    });
  }

  commonEnvironment(): Record<string, string> {
    return {
      POOL: this.at.pool,
      MOUNT_PREFIX: this.at.mountPrefix,
      CONTAINER_MOUNT_PREFIX: this.at.containerMountPrefix,
      CONTAINER_RUNTIME: 'null',
      DISABLE_FLEXVOLUME: '1',
    };
  }

  /** `tcp`: the port of a client URL instead of the socket. */
  async startEtcd(tcp?: number): Promise<void> {
    const series = /^etcd Version: (\d+\.\d+)/.exec(await sh('etcd', '--version'))?.[1] ?? '';
    const url = `http://127.0.0.1:${tcp}`;
    const more = tcp === undefined ? [] : [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`];
    const argv = etcdArguments({ series, full: series }, this.etcdData);
    await mkdir(this.etcdData, { recursive: true, mode: 0o700 });
    for (const name of ['etcd.sock:0', 'etcd-peer.sock:0'])
      await rm(join(this.at.folder, name), { force: true });
    const etcd = startProgram(['etcd', ...argv, ...more], { env: process.env, cwd: this.at.folder });
    this.#etcd = etcd;
    const gateway = createGateway({ endpoint: tcp === undefined ? this.etcdEndpoint : url });
    const healthy = await this.#comesUp(etcd, () => gateway.healthy(2000));
    gateway.close();
    if (!healthy) throw new Error(`etcd does not answer:\n${etcd.text()}`);
  }

  async startServer(argv: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<void> {
    const onText = (text: string) => {
      this.log += text;
    };
    const server = startProgram(argv, { env, cwd: '/', onText });
    this.#server = server;
    const asking = env['DOTMESH_SOCKET'] ? { over: 'socket' as const } : {};
    const look = () =>
      this.call('Ping', null, asking).then(
        ({ result }) => result === true,
        () => false,
      );
    if (!(await this.#comesUp(server, look)))
      throw new Error(`the server does not answer:\n${server.text()}`);
  }

  async #comesUp(program: Program, look: () => Promise<boolean>): Promise<boolean> {
    const done = async () => !program.isRunning() || ((await look()) && 'up');
    return (await until(done, { deadlineMs: PATIENCE_MS })) === 'up';
  }

  async stopServer(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProgramEnd> {
    return end(this.server, signal);
  }

  async stopEtcd(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#etcd) await end(this.#etcd, signal);
  }

  async down(): Promise<void> {
    if (this.#server) await this.stopServer();
    await this.stopEtcd();
  }

  ask(asking: Asking = {}): Promise<Answer> {
    const { port, socket, key } = this.at;
    const where = asking.over === 'socket' ? { socketPath: socket } : { host: '127.0.0.1', port };
    return ask(where, { auth: `admin:${key}`, ...asking });
  }

  /** A call of DotmeshRPC. */
  async call(method: string, params: unknown, asking: Asking = {}): Promise<RpcAnswer> {
    const body = JSON.stringify({ jsonrpc: '2.0', method: `DotmeshRPC.${method}`, params, id: 41 });
    const http = await this.ask({
      method: 'POST',
      path: '/rpc',
      headers: { 'Content-Type': 'application/json' },
      body,
      ...asking,
    });
    const json = http.status === 200 ? JSON.parse(http.body) : {};
    return { result: json.result, error: json.error?.message ?? undefined, http };
  }

  /** The result of a call over the socket. */
  async admin<T = unknown>(method: string, params: unknown): Promise<T> {
    const { result, error } = await this.call(method, params, { over: 'socket' });
    if (error !== undefined) throw new Error(error);
    return result as T;
  }

  dot(name: string, branch = ''): { Namespace: string; Name: string; Branch: string } {
    return { Namespace: 'admin', Name: name, Branch: branch };
  }

  create(name: string): Promise<RpcAnswer> {
    return this.call('Create', { Namespace: 'admin', Name: name }, { over: 'socket' });
  }

  /** Names of the admin's dots. */
  async names(): Promise<string[]> {
    const list = await this.admin<Record<string, Record<string, unknown>>>('List', null);
    return Object.keys(list['admin'] ?? {});
  }

  /** Path in a dot, by its id. */
  path(id: string, ...parts: string[]): string {
    return join(this.at.mountPrefix, 'dmfs', id, ...parts);
  }

  dataset(id: string): string {
    return `${this.at.pool}/dmfs/${id}`;
  }

  /** Datasets of the pool. */
  async datasets(): Promise<string[]> {
    return (await sh('zfs', 'list', '-H', '-o', 'name', '-r', this.at.pool)).split('\n');
  }

  /** Datasets whose property names this dot of the admin's. */
  async datasetsNamed(name: string): Promise<string[]> {
    const text = await sh('zfs', 'get', '-H', '-o', 'name,value', '-r', 'dm-linuxkit:name', this.at.pool);
    const rows = text.split('\n').map(line => line.split('\t'));
    return rows
      .filter(([dataset, value]) => value === name && !dataset?.includes('@'))
      .map(([dataset = '']) => dataset);
  }

  /** All that etcd holds. */
  async dumpEtcd(): Promise<KeyValue[]> {
    const gateway = createGateway({ endpoint: this.etcdEndpoint });
    try {
      return await gateway.list('');
    } finally {
      gateway.close();
    }
  }

  async clear(): Promise<void> {
    await this.down();
    // ZFS may answer "busy" for a moment after a file was closed.
    const gone = () =>
      sh('zpool', 'destroy', '-f', this.at.pool).then(
        () => true,
        () => false,
      );
    if (!(await until(gone, { deadlineMs: 30_000, everyMs: 100 })))
      await sh('zpool', 'destroy', '-f', this.at.pool);
    await rm(this.at.folder, { recursive: true, force: true });
  }
}

/** Resolves when the process is gone; one that does not obey is killed, and that shows in its end. */
async function end(program: Program, signal: NodeJS.Signals): Promise<ProgramEnd> {
  program.kill(signal);
  const timer = setTimeout(() => program.kill('SIGKILL'), PATIENCE_MS);
  try {
    return await program.ended;
  } finally {
    clearTimeout(timer);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** Where `dotmesh-server` and the node that runs it are found. */
export const PROGRAM_PATH = `${DIST}:${dirname(NODE)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** The built dm-linuxkit on this machine's ZFS: one pool in one file, a port, and directories to mount at. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../src/lib/retry.ts';
import { etcdMountpoint, MOUNT_PREFIX } from '../../src/model/layout.ts';
import { type RunFile, type RunPaths, runPaths } from '../../src/provision/run-files.ts';
import { createRpcClient, type RpcClient } from '../../src/remote/rpc-client.ts';
import { type Mount, mountTable } from '../../src/system/mount-table.ts';
import { isAlive } from '../../src/system/processes.ts';

/**
 * Everything here waits for a condition; this is when it is given up, on a machine that does ten things at
 * once.
 */
export const PATIENCE_MS = 240_000;

export const DIST = process.env['DM_DIST'] ?? 'dist';

export interface Ended {
  code: number | null;
  /** Both streams, in the order in which they came. */
  text: string;
}

export interface Running {
  child: ChildProcess;
  text(): string;
  ended: Promise<Ended>;
}

export class Machine {
  readonly folder: string;
  readonly pool: string;
  readonly port: number;
  readonly paths: RunPaths;
  readonly stateDirectory: string;
  /** What the pool lies on: a file in `folder` unless it was given. */
  readonly device: string;
  /** Where the API listens. */
  host = '127.0.0.1';
  private readonly running = new Set<ChildProcess>();

  private constructor(folder: string, pool: string, port: number, device: string) {
    this.device = device;
    this.folder = folder;
    this.pool = pool;
    this.port = port;
    this.paths = runPaths(pool);
    this.stateDirectory = etcdMountpoint(MOUNT_PREFIX, pool);
  }

  static async make(name: string, device?: string): Promise<Machine> {
    const folder = await mkdtemp(join(tmpdir(), `${name}-`));
    const pool = `${name}-${process.env['DM_TEST'] ?? process.pid}`;
    return new Machine(folder, pool, await freePort(), device ?? join(folder, 'disk'));
  }

  /** Flags that every run on this machine has. */
  get flags(): string[] {
    return [
      `--storage-device=${this.device}`,
      '--storage-size=512M',
      `--pool-name=${this.pool}`,
      `--listen=${this.host}:${this.port}`,
    ];
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  /** `env` is added to our own environment. */
  start(args: readonly string[], program = join(DIST, 'dm-linuxkit'), env: NodeJS.ProcessEnv = {}): Running {
    return this.startProgram(process.execPath, [program, ...args], env);
  }

  startProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.running.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        text += chunk;
      });
    }
    const ended = once(child, 'close').then(([code]) => {
      this.running.delete(child);
      return { code: code as number | null, text };
    });
    return { child, text: () => text, ended };
  }

  /** One run to its end. */
  run(...args: string[]): Promise<Ended> {
    return this.start([...this.flags, ...args]).ended;
  }

  stop(...args: string[]): Promise<Ended> {
    return this.start(['stop', `--pool-name=${this.pool}`, ...args]).ended;
  }

  /** A daemon that is ready. */
  async daemon(...args: string[]): Promise<Running> {
    const running = this.start([...this.flags, '--daemon', ...args]);
    await this.says(running, /Ready: /);
    return running;
  }

  /** Waits until a run has printed something. */
  async says(running: Running, pattern: RegExp): Promise<void> {
    const seen = await until(() => pattern.test(running.text()) || running.child.exitCode !== null, {
      deadlineMs: PATIENCE_MS,
    });
    if (!seen || !pattern.test(running.text()))
      throw new Error(`it did not say ${pattern}:\n${running.text()}`);
  }

  /** The pool's mount at a directory of this machine. */
  async mountAt(name: string): Promise<Mount | undefined> {
    return (await mountTable()).findLast(({ mountpoint }) => mountpoint === this.at(name));
  }

  /** Which of daemon, etcd and server run now. */
  alive(): string[] {
    return (['daemon', 'etcd', 'server'] as const).filter(role => {
      const file = this.runFile(role);
      return file !== undefined && isAlive(file);
    });
  }

  runFile(role: 'daemon' | 'etcd' | 'server'): RunFile | undefined {
    const path = this.paths[role];
    try {
      return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RunFile) : undefined;
    } catch {
      return undefined; // It went between the two looks.
    }
  }

  client(): RpcClient {
    return createRpcClient({ socketPath: this.paths.serverSocket });
  }

  /** A client for as long as `work` takes. */
  async asking<T>(work: (client: RpcClient) => Promise<T>): Promise<T> {
    const client = this.client();
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  async clear(): Promise<void> {
    for (const child of this.running) child.kill('SIGKILL');
    const { code, text } = await this.stop('--export');
    if (code !== 0) throw new Error(`the machine can not be cleared: ${text}`);
    for (const path of [this.folder, this.paths.directory, this.paths.lock, this.stateDirectory])
      await rm(path, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

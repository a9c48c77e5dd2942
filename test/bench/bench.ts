/**
 * `make bench`: our operations over the raw `zfs` ones, in the same run, on this machine's ZFS (in the guest with
 * GUEST=1). Machines are noisy: medians of at least five, and bars on differences and ratios.
 * Exits with 1 when a bar is missed.
 */

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../src/lib/retry.ts';
import { sparing } from '../../src/provision/server-service.ts';
import { createRpcClient } from '../../src/remote/rpc-client.ts';
import { mountTable } from '../../src/system/mounts.ts';
import { run } from '../../src/system/run.ts';

const ROUNDS = 5;
const DOTS = [1, 100, 1000];
/** zfs-fuse mounts 1,000 filesystems at most ("filesystem limit" in its log). */
const MOUNTED_AT_ONCE = 400;
const dist = (name: string): string => join(process.cwd(), 'dist', name);
const KEY = 'bench-key-of-no-value';

interface Row {
  what: string;
  ours: string;
  raw: string;
  ratio: string;
  bar: string;
  met: boolean | undefined;
}
const rows: Row[] = [];

/** Shown at once as well: the whole takes minutes. */
function add(row: Row): void {
  rows.push(row);
  console.error(`${row.what}: ${row.ours}${row.raw && ` (raw ${row.raw})`}`);
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function timed(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

interface Bar {
  text: string;
  met(ours: number, raw: number): boolean;
}

/** A row of medians beside each other, in milliseconds. */
function against(what: string, ours: number[], raw: number[], bar: Bar | undefined): void {
  const [a, b] = [median(ours), median(raw)];
  const ratio = `${(a / b).toFixed(2)} ×`;
  add({ what, ours: ms(a), raw: ms(b), ratio, bar: bar?.text ?? '', met: bar?.met(a, b) });
}

/** A row that compares with a raw operation; the bar is on the difference, in milliseconds. */
function compare(what: string, ours: number[], raw: number[], overRaw: number): void {
  against(what, ours, raw, { text: `≤ raw + ${ms(overRaw)}`, met: (a, b) => a - b <= overRaw });
}

function single(what: string, value: number, show: (value: number) => string, limit?: number): void {
  const met = limit === undefined ? undefined : value <= limit;
  add({
    what,
    ours: show(value),
    raw: '',
    ratio: '',
    bar: limit === undefined ? '' : `≤ ${show(limit)}`,
    met,
  });
}

/** A row with a bar of its own; the raw figure tells how quick this ZFS is at naming all that is there. */
async function beside(what: string, ours: number[], pool: string, limit?: number): Promise<void> {
  const list = () =>
    run(['zfs', 'list', '-H', '-r', '-t', 'all', '-o', 'name', pool], { timeoutMs: 300_000 });
  const raw: number[] = [];
  for (let round = 0; round < ROUNDS; round++) raw.push(await timed(list));
  against(
    what,
    ours,
    raw,
    limit === undefined ? undefined : { text: `≤ ${ms(limit)}`, met: a => a <= limit },
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function boots(folder: string): Promise<void> {
  const first = { ours: [] as number[], raw: [] as number[] };
  const second = { ours: [] as number[], raw: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    const directory = join(folder, `boot-${round}`);
    await mkdir(directory);
    const pool = `dm-bench-${process.pid}-${round}`;
    const raw = join(directory, 'raw.img');
    await run(['truncate', '-s', '1G', raw]);
    first.raw.push(await timed(() => run(['zpool', 'create', '-m', 'none', `${pool}-raw`, raw])));
    await run(['zpool', 'export', `${pool}-raw`]);
    second.raw.push(await timed(() => run(['zpool', 'import', '-d', directory, `${pool}-raw`])));
    await run(['zpool', 'destroy', `${pool}-raw`]);
    const boot = async () =>
      run([
        dist('dm-linuxkit'),
        `--storage-device=${join(directory, 'disk.img')}`,
        '--storage-size=1G',
        `--pool-name=${pool}`,
        '--dot=bench',
        `--mountpoint=${join(directory, 'mount')}`,
        `--listen=127.0.0.1:${await freePort()}`,
      ]);
    first.ours.push(await timed(boot));
    await run([dist('dm-linuxkit'), 'stop', '--export', `--pool-name=${pool}`]);
    second.ours.push(await timed(boot));
    await run([dist('dm-linuxkit'), 'stop', '--export', `--pool-name=${pool}`]);
  }
  compare('first boot (one-shot) / zpool create', first.ours, first.raw, 2000);
  compare('second boot (one-shot) / zpool import', second.ours, second.raw, 1500);
}

/** Those that still run: an error on the way must not leave them. */
const running = new Set<Server>();

interface Server {
  pid: number;
  port: number;
  readyMs: number;
  stop(): Promise<void>;
}

/** dotmesh-server by itself, with the environment that the original dm-linuxkit gives, and the memory that ours allows. */
async function startServer(pool: string, folder: string, etcdPort: number): Promise<Server> {
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

function client(port: number) {
  return createRpcClient({ host: '127.0.0.1', port, user: 'admin', apiKey: KEY }, { timeoutMs: 60_000 });
}

async function startEtcd(folder: string): Promise<{ port: number; stop(): Promise<void> }> {
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

async function memory(pid: number): Promise<number> {
  return (
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024
  );
}

/** Clock ticks (1/100 s) that a process has used. */
async function ticks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

async function servers(folder: string): Promise<void> {
  const pool = `dm-bench-${process.pid}-server`;
  const disk = join(folder, 'server.img');
  await run(['truncate', '-s', '4G', disk]);
  await run(['zpool', 'create', '-m', 'none', pool, disk]);
  const etcd = await startEtcd(folder);
  try {
    let made = 0;
    for (const count of DOTS) {
      const create: number[] = [];
      let server = await startServer(pool, folder, etcd.port);
      for (; made < count; made++) {
        if (made > 0 && made % MOUNTED_AT_ONCE === 0) await unmountAll(pool);
        create.push(
          await timed(() => client(server.port).call('Create', { Namespace: 'admin', Name: `dot-${made}` })),
        );
      }
      await server.stop();
      if (count === 100)
        compare('Create / zfs create, mount, snapshot', create, await rawCreates(pool, folder), 100);

      const ready: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        server = await startServer(pool, folder, etcd.port);
        ready.push(server.readyMs);
        if (round < ROUNDS - 1) await server.stop();
      }
      await beside(`server ready, ${count} dots / zfs list`, ready, pool, count === 1000 ? 3000 : undefined);
      const list: number[] = [];
      for (let round = 0; round < 20; round++)
        list.push(await timed(() => client(server.port).call('List', null)));
      single(`List, ${count} dots`, median(list), ms, count === 1000 ? 50 : undefined);
      if (count !== 100) await idle(server.pid, count);
      await server.stop();
    }
  } catch (error) {
    console.error(error);
    throw error;
  } finally {
    for (const server of running) await server.stop();
    await etcd.stop();
    await unmountAll(pool);
    await run(['zpool', 'destroy', pool], { timeoutMs: 300_000 });
  }
}

async function unmountAll(pool: string): Promise<void> {
  const mounts = (await mountTable()).filter(({ source }) => source.startsWith(`${pool}/`));
  for (const { mountpoint } of mounts.reverse()) await run(['umount', mountpoint]);
}

async function rawCreates(pool: string, folder: string): Promise<number[]> {
  const times: number[] = [];
  await run(['zfs', 'create', '-o', 'canmount=off', `${pool}/raw`]);
  for (let round = 0; round < 20; round++) {
    const name = `${pool}/raw/${round}`;
    times.push(
      await timed(async () => {
        await run([
          'zfs',
          'create',
          '-o',
          `mountpoint=${join(folder, 'raw', String(round))}`,
          '-o',
          'canmount=noauto',
          name,
        ]);
        await run(['zfs', 'mount', name]);
        await run(['zfs', 'snapshot', `${name}@first`]);
      }),
    );
  }
  return times;
}

async function idle(pid: number, dots: number): Promise<void> {
  // The measurement itself: a stretch of time in which nobody asks anything.
  await delay(2000);
  const before = await ticks(pid);
  await delay(10_000);
  single(
    `CPU of the idle server, ${dots} dots`,
    (await ticks(pid)) - before,
    value => `${(value / 10).toFixed(1)} %`,
    20,
  );
  single(`RSS of the idle server, ${dots} dots`, await memory(pid), value => `${value.toFixed(1)} MiB`, 80);
}

async function programs(folder: string): Promise<void> {
  for (const name of ['dm', 'dotmesh-server', 'dm-linuxkit']) {
    single(`size of ${name}`, (await stat(dist(name))).size / 1024, value => `${value.toFixed(0)} KiB`);
  }
  const [version, bare]: [number[], number[]] = [[], []];
  const env = { HOME: folder };
  for (let round = 0; round < 21; round++) {
    version.push(await timed(() => run([process.execPath, dist('dm'), 'version'], { env, okCodes: [0, 1] })));
    bare.push(await timed(() => run([process.execPath, '-e', '0'], { env })));
  }
  against('dm version / node -e 0', version, bare, { text: '≤ 1.50 ×', met: (a, b) => a / b <= 1.5 });
}

function table(): string {
  const cells = [
    ['', 'ours', 'raw', 'ratio', 'bar', ''],
    ...rows.map(row => [row.what, row.ours, row.raw, row.ratio, row.bar, verdict(row)]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map(line => line[column]?.length ?? 0))) ?? [];
  return cells
    .map(line =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function verdict(row: Row): string {
  if (row.met === undefined) return '';
  return row.met ? 'met' : 'MISSED';
}

const folder = await mkdtemp(join(tmpdir(), 'dm-bench-'));
try {
  await programs(folder);
  await boots(folder);
  await servers(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`\n${table()}`);
process.exitCode = rows.some(row => row.met === false) ? 1 : 0;

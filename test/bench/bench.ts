/**
 * `make bench`: our operations over the raw `zfs` ones, in the same run, on this machine's ZFS (in the guest with
 * GUEST=1). Machines are noisy: medians of at least five, and bars on differences and ratios.
 * Exits with 1 when a bar is missed.
 */

import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../src/system/run.ts';
import { commits } from './commits.ts';
import {
  client,
  dist,
  freePort,
  memory,
  profile,
  running,
  type Server,
  startEtcd,
  startServer,
  ticks,
  unmountAll,
} from './machine.ts';
import { against, compare, isMissed, median, ms, single, table, timed } from './report.ts';

const ROUNDS = 5;
const DOTS = [1, 100, 1000];
/** zfs-fuse mounts 1,000 filesystems at most ("filesystem limit" in its log). */
const MOUNTED_AT_ONCE = 400;

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
      if (count === 1000) single(`dm list, ${count} dots`, await listByProgram(server, folder), ms, 300);
      if (count !== 100) await idle(server.pid, count);
      await server.stop();
    }
    // Nine more commits of each dot, as far as a start can tell.
    for (let at = 0; at < 9; at++) {
      await run(['zfs', 'snapshot', '-r', `${pool}/dmfs@more-${at}`], { timeoutMs: 300_000 });
    }
    const ready: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServer(pool, folder, etcd.port);
      ready.push(server.readyMs);
      await server.stop();
    }
    await beside('server ready, 1000 dots of 10 commits / zfs list', ready, pool, 4000);
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

async function listByProgram(server: Server, folder: string): Promise<number> {
  const env = await profile(server, folder);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    times.push(await timed(() => run([process.execPath, dist('dm'), 'list'], { env })));
  }
  return median(times);
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

const folder = await mkdtemp(join(tmpdir(), 'dm-bench-'));
try {
  await programs(folder);
  await boots(folder);
  await servers(folder);
  await commits(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`\n${table()}`);
process.exitCode = isMissed() ? 1 : 0;

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createGateway } from '../../src/etcd/gateway.ts';
import type { Change, Etcd } from '../../src/etcd/index.ts';
import { createMemoryEtcd } from '../../src/etcd/memory.ts';
import { until } from '../../src/lib/retry.ts';

const patience = { deadlineMs: 60_000 };

/** One etcd for all tests of this file, on a UNIX socket in its working directory, as Debian's 3.4 takes it. */
let child: ChildProcess | undefined;
let directory = '';
let real: Etcd | undefined;

async function startEtcd(): Promise<ChildProcess> {
  // One that was killed leaves its sockets behind, and the next does not start on them.
  for (const socket of ['etcd.sock:0', 'peer.sock:0']) await rm(join(directory, socket), { force: true });
  const peer = 'unix://peer.sock:0';
  const flags = [
    '--data-dir=data',
    '--listen-client-urls=unix://etcd.sock:0',
    '--advertise-client-urls=unix://etcd.sock:0',
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--heartbeat-interval=10',
    '--election-timeout=50',
    '--unsafe-no-fsync',
  ];
  return spawn('etcd', flags, { cwd: directory, stdio: 'ignore' });
}

async function stopEtcd(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const gone = new Promise<void>(resolve => process.once('exit', () => resolve()));
  process.kill('SIGKILL');
  await gone;
}

test.before(async t => {
  directory = await mkdtemp(join(tmpdir(), 'dm-etcd-'));
  child = await startEtcd();
  const etcd = createGateway({ endpoint: `unix://${directory}/etcd.sock:0`, timeoutMs: 30_000 });
  real = etcd;
  t.true(await until(() => etcd.healthy(1000), patience), 'etcd does not start: is etcd-server installed?');
});

test.after.always(async () => {
  real?.close();
  if (child) await stopEtcd(child);
  await rm(directory, { recursive: true, force: true });
});

const put = (key: string, value: string): Change => ({ put: { key, value } });

for (const [name, etcd] of [
  ['real', () => real as Etcd],
  ['memory', (() => createMemoryEtcd()) as () => Etcd],
] as const) {
  test.serial(`${name}: what was put is read by key and by prefix, sorted by key`, async t => {
    const store = etcd();
    await store.apply([put('a/2', 'two'), put('a/1', 'eins & zwölf <ü>\n\0'), put('b/1', ''), put('a', 'x')]);
    t.is(await store.get('a/1'), 'eins & zwölf <ü>\n\0');
    t.is(await store.get('b/1'), '');
    t.is(await store.get('none'), undefined);
    t.deepEqual(await store.list('a/'), [
      { key: 'a/1', value: 'eins & zwölf <ü>\n\0' },
      { key: 'a/2', value: 'two' },
    ]);
    t.deepEqual(await store.list('nobody/'), []);
  });

  test.serial(
    `${name}: deleting takes one key or all below a prefix, and what is not there is no error`,
    async t => {
      const store = etcd();
      await store.apply([put('d/1', '1'), put('d/2', '2'), put('d/sub/3', '3'), put('dd', '4')]);
      await store.apply([{ delete: 'd/1' }, { delete: 'd/none' }]);
      t.deepEqual(
        (await store.list('d')).map(({ key }) => key),
        ['d/2', 'd/sub/3', 'dd'],
      );
      await store.apply([{ deletePrefix: 'd/' }]);
      t.deepEqual(
        (await store.list('d')).map(({ key }) => key),
        ['dd'],
      );
    },
  );

  test.serial(`${name}: changes of one key take effect in their order, hundreds of them too`, async t => {
    const store = etcd();
    const many = Array.from({ length: 350 }, (_, at) => put(`many/${String(at).padStart(4, '0')}`, `${at}`));
    await store.apply([
      ...many,
      put('many/0000', 'again'),
      { delete: 'many/0001' },
      put('many/0001', 'back'),
      { deletePrefix: 'many/02' },
      put('many/0200', 'last'),
    ]);
    const found = await store.list('many/');
    t.is(found.length, 251);
    t.is(found[0]?.value, 'again');
    t.is(found[1]?.value, 'back');
    t.is(await store.get('many/0200'), 'last');
  });

  test.serial(`${name}: a value of 400 KB goes in and comes out, several of them in one call`, async t => {
    const store = etcd();
    const value = 'v'.repeat(400_000);
    await store.apply(['1', '2', '3', '4', '5'].map(key => put(`big/${key}`, value)));
    t.is((await store.list('big/')).filter(one => one.value === value).length, 5);
  });

  test.serial(`${name}: the empty prefix means everything`, async t => {
    const store = etcd();
    await store.apply([put('zzz', '1')]);
    t.true((await store.list('')).some(({ key }) => key === 'zzz'));
  });

  test.serial(`${name}: it says that it is healthy`, async t => {
    t.true(await etcd().healthy(30_000));
  });
}

test.serial('real: after a restart of etcd the same gateway goes on, and what was put is there', async t => {
  const store = real as Etcd;
  await store.apply([put('kept', 'yes')]);
  await stopEtcd(child as ChildProcess);
  t.false(await store.healthy(1000));
  await t.throwsAsync(store.get('kept'), { code: 'ETCD_UNREACHABLE' });
  child = await startEtcd();
  t.true(await until(() => store.healthy(1000), patience));
  t.is(await store.get('kept'), 'yes');
});

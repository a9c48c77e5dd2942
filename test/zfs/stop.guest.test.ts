// Several at once, an early end, and the way back: stop, timeouts, signals, and a ZFS or an etcd that hangs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../../src/lib/retry.ts';
import { mountTable } from '../../src/system/mount-table.ts';
import { type Ended, Machine, PATIENCE_MS, type Running } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';
import { oursRunning } from '../helpers/proc.ts';

let machine: Machine;

test.before(async () => {
  machine = await Machine.make('stop');
});
test.after.always(() => machine.clear());

const within = { deadlineMs: PATIENCE_MS };
const dot = (name: string) => [`--dot=${name}`, `--mountpoint=${machine.at(name)}`];
const start = (...args: string[]) => machine.start([...machine.flags, ...args]);

/** PATH with programs of ours before the machine's: name → what a shell does. */
async function pathWith(programs: Record<string, string>): Promise<{ PATH: string }> {
  const folder = machine.at(`bin-${Object.keys(programs).join('-')}`);
  await mkdir(folder, { recursive: true });
  for (const [name, script] of Object.entries(programs))
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${folder}:${process.env['PATH']}` };
}
const withPath = async (programs: Record<string, string>, ...args: string[]): Promise<Ended> =>
  machine.start(args, undefined, await pathWith(programs)).ended;

async function isGone(t: { deepEqual(a: unknown, b: unknown, why?: string): unknown }, why: string) {
  await until(() => oursRunning().length === 0, within);
  t.deepEqual(oursRunning(), [], why);
}

test.serial('where nothing is, there is nothing to stop', async t => {
  const { code, text } = await machine.stop('--export');
  t.is(code, 0, text);
  t.regex(text, /nothing to stop/);
});

test.serial('a ZFS whose commands hang is told within the timeout, and so it is to stop', async t => {
  const hangs = { zpool: 'exec sleep 600', zfs: 'exec sleep 600' };
  for (const args of [
    [...machine.flags, ...dot('a'), '--timeout=2s'],
    ['stop', `--pool-name=${machine.pool}`, '--timeout=2s'],
  ]) {
    const { code, text } = await withPath(hangs, ...args);
    t.is(code, 8, text);
    t.regex(text, /not done within 2 s/);
    t.false(existsSync(machine.device));
  }
  await isGone(t, 'something of ours was left');
  t.is(await sh('pgrep', '-fc', '^sleep 600').catch(() => '0'), '0');
});

test.serial('three at once on a bare disk: one pool, and every dot is mounted once', async t => {
  const runs = [start(...dot('a')), start(...dot('a')), start(...dot('b'))];
  for (const { code, text } of await Promise.all(runs.map(run => run.ended))) t.is(code, 0, text);
  t.is(await sh('zpool', 'list', '-H', '-o', 'name'), machine.pool);
  const names = await sh('zfs', 'list', '-Hr', '-o', 'dm-linuxkit:name', `${machine.pool}/dmfs`);
  t.deepEqual(
    names
      .split('\n')
      .filter(name => name !== '-')
      .sort(),
    ['a', 'b'],
  );
  for (const name of ['a', 'b'])
    t.is(await sh('grep', '-c', ` ${machine.at(name)} `, '/proc/self/mountinfo'), '1');
});

test.serial('stop waits for a run that is at work, and then takes away what it mounted', async t => {
  const running = start(...dot('c'));
  await machine.says(running, /The pool /);
  const stopping = machine.start(['stop', `--pool-name=${machine.pool}`, '--export']);
  await machine.says(stopping, /Waiting for another dm-linuxkit/);
  const [run, stopped] = await Promise.all([running.ended, stopping.ended]);
  t.is(run.code, 0, run.text);
  t.is(stopped.code, 0, stopped.text);
  t.regex(stopped.text, /3 mounts|[4-9] mounts/);
  for (const name of ['a', 'b', 'c']) t.is(await machine.mountAt(name), undefined);
  t.is(await sh('zpool', 'list', '-H'), '');
});

/** Of a socket that was made in this run: its start takes that of the run before away. */
const modeOf = (path: string) => (existsSync(path) ? statSync(path).mode & 0o777 : undefined);

/** It has written itself down in the lock; from then on it also takes signals. */
const holdsLock = ({ child }: Running) =>
  readFileSync(machine.paths.lock, 'utf8').startsWith(`${child.pid} `);

test.serial('SIGTERM in the middle ends with 130 and leaves nothing running; again, it works', async t => {
  const moments: [string, (run: Running) => boolean][] = [
    ['while the pool is looked for', run => holdsLock(run)],
    ['when the pool is there', run => /The pool /.test(run.text())],
    ['while etcd starts', () => machine.alive().includes('etcd')],
    // The server, loaded beside it, makes its registry then.
    ['when etcd answers', () => modeOf(machine.paths.etcdSocket) === 0o600],
  ];
  for (const [moment, isNow] of moments) {
    const run = start(...dot('cut'));
    t.truthy(await until(() => isNow(run) || run.child.exitCode !== null, { ...within, everyMs: 2 }));
    run.child.kill('SIGTERM');
    const { code, text } = await run.ended;
    t.is(code, 130, `${moment}: ${text}`);
    t.regex(text, /Ended by SIGTERM/, moment);
    t.deepEqual(oursRunning(), [], moment);
  }
  const { code, text } = await machine.run(...dot('cut'));
  t.is(code, 0, text);
  t.truthy(await machine.mountAt('cut'));
});

test.serial('an etcd that never answers is given up when the timeout passes', async t => {
  const etcd = 'case "$1" in --version) exec /usr/bin/etcd --version;; esac\nexec sleep 600';
  const { code, text } = await withPath({ etcd }, ...machine.flags, ...dot('slow'), '--timeout=30s');
  t.is(code, 8, text);
  t.regex(text, /not done within 30 s/);
  t.regex(text, /nothing is running; run again|finished by the next run/);
  await isGone(t, 'something of ours was left');
});

test.serial(
  'an etcd that ends at once is named with its last words, and the server beside it is stopped',
  async t => {
    const etcd = 'case "$1" in --version) exec /usr/bin/etcd --version;; esac\necho it is broken >&2\nexit 3';
    const { code, text } = await withPath({ etcd }, ...machine.flags, ...dot('broken'));
    t.is(code, 5, text);
    t.regex(text, /etcd ended \(exit code 3\) before it was ready.*it is broken/);
    t.regex(text, /nothing is running; run again/);
    await isGone(t, 'something of ours was left');
  },
);

test.serial('a port that is taken is named, with who has it, and everything is stopped again', async t => {
  const other = createServer().listen(machine.port, '127.0.0.1');
  await once(other, 'listening');
  try {
    const { code, text } = await machine.run(...dot('a'));
    t.is(code, 5, text);
    t.regex(text, new RegExp(`${machine.port}.*process ${process.pid}`));
    t.deepEqual(oursRunning(), []);
  } finally {
    other.close();
  }
});

test.serial(
  'a mount in use is named with pid and command: the daemon goes on, and later stop works',
  async t => {
    const daemon = await machine.daemon(...dot('a'));
    await writeFile(machine.at('a/log'), 'line\n');
    const reader = spawn('tail', ['-f', machine.at('a/log')], { stdio: 'ignore', cwd: '/' });
    const sitter = spawn('sleep', ['600'], { stdio: 'ignore', cwd: machine.at('a') });
    try {
      const { code, text } = await machine.stop('--export');
      t.is(code, 7, text);
      t.regex(text, new RegExp(`tail \\(pid ${reader.pid}\\)`));
      t.regex(text, new RegExp(`sleep \\(pid ${sitter.pid}\\)`));
      t.deepEqual(machine.alive(), ['daemon', 'etcd', 'server']);
      t.truthy(await machine.mountAt('a'));
    } finally {
      for (const child of [reader, sitter]) {
        child.kill('SIGKILL');
        await until(() => child.signalCode !== null, within);
      }
    }
    const { code, text } = await machine.stop();
    t.is(code, 0, text);
    t.regex(text, /still imported/);
    t.is((await daemon.ended).code, 0);
    t.is(await machine.mountAt('a'), undefined);
    t.deepEqual(await readdir(machine.at('a')), []);
    t.is(await sh('zpool', 'list', '-H', '-o', 'name'), machine.pool);
  },
);

test.serial(
  "who sits in a mount of the daemon's own is named before anything ends: it goes on and answers",
  async t => {
    const daemon = await machine.daemon(...dot('a'));
    const shown = await machine.mountAt('a');
    const own = (await mountTable()).find(({ source, root }) => source === shown?.source && root === '/');
    const tmpfs = join(own?.mountpoint ?? '/absent', 'other');
    for (const [where, how] of [
      [own?.mountpoint, []],
      [own?.mountpoint, ['--export']],
      [machine.stateDirectory, []],
    ] as const) {
      const sitter = spawn('sleep', ['600'], { stdio: 'ignore', cwd: where ?? '/absent' });
      await once(sitter, 'spawn');
      const { code, text } = await machine.stop(...how);
      sitter.kill('SIGKILL');
      t.is(code, 7, text);
      t.true(text.includes(`${where} is in use by sleep (pid ${sitter.pid})`), text);
      t.false(/dotmesh-server|etcd \(pid/.test(text), text);
      t.deepEqual(machine.alive(), ['daemon', 'etcd', 'server']);
      await until(() => sitter.signalCode !== null, within);
    }
    for (const [where, how] of [
      [tmpfs, ['--export']],
      [machine.at('a/other'), []],
    ] as const) {
      await mkdir(where, { recursive: true });
      await sh('mount', '-t', 'tmpfs', 'other', where);
      const { code, text } = await machine.stop(...how);
      await sh('umount', where);
      t.is(code, 7, text);
      t.true(text.includes(`by the mount ${where}`), text);
    }

    const client = machine.client();
    t.true(await client.call('Ping', null).finally(() => client.close()));
    t.like(await machine.mountAt('a'), { source: shown?.source, root: shown?.root });
    const stopped = await machine.stop();
    t.is(stopped.code, 0, stopped.text);
    t.is((await daemon.ended).code, 0);
    t.false(existsSync(machine.paths.directory), 'what was needed beside the pool is gone');
  },
);

test.serial('who sits where the dot itself is mounted is named too, and its mount comes back', async t => {
  t.is((await machine.run(...dot('a'))).code, 0);
  const before = await machine.mountAt('a');
  const whole = (await mountTable()).find(({ source, root }) => source === before?.source && root === '/');
  const sitter = spawn('sleep', ['600'], { stdio: 'ignore', cwd: whole?.mountpoint ?? '/absent' });
  try {
    await once(sitter, 'spawn');
    const { code, text } = await machine.stop('--export');
    t.is(code, 7, text);
    t.regex(text, new RegExp(`sleep \\(pid ${sitter.pid}\\)`));
    t.like(await machine.mountAt('a'), { source: before?.source, root: before?.root });
  } finally {
    sitter.kill('SIGKILL');
    await until(() => sitter.signalCode !== null, within);
  }
  const { code, text } = await machine.stop('--export');
  t.is(code, 0, text);
  t.is(await sh('zpool', 'list', '-H'), '');
});

// dm-linuxkit --daemon: it stays, serves others, brings back what dies, gives up with a reason, and remembers mounts.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createGateway } from '../../src/etcd/gateway.ts';
import { until } from '../../src/lib/retry.ts';
import { dotNameOfHost } from '../../src/model/names.ts';
import { writtenMeanwhile } from '../../src/provision/idle.ts';
import { isAlive } from '../../src/system/processes.ts';
import { Machine, PATIENCE_MS, type Running } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';
import { oursRunning, tcpListeners } from '../helpers/proc.ts';

let machine: Machine;
let daemon: Running;

test.before(async () => {
  machine = await Machine.make('daemon');
});
test.after.always(() => machine.clear());

const within = { deadlineMs: PATIENCE_MS };
const provide = (dot: string, at: string, ...more: string[]) =>
  machine.run(`--dot=${dot}`, `--mountpoint=${machine.at(at)}`, ...more);

/** The API and, beside it, `GET /check` for whoever watches (wire reference §1.1). */
const doors = () =>
  [machine.port, machine.port + 1].map(
    port => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} dotmesh-server`,
  );

/** Whether the server answers and knows the dot. */
async function knows(dot: string): Promise<boolean> {
  const client = machine.client();
  try {
    return (await client.call('Exists', { Namespace: 'admin', Name: dot, Branch: '' })) !== '';
  } catch {
    return false;
  } finally {
    client.close();
  }
}

/** SIGKILL to the process that is etcd or the server now; gives its pid. */
function kill(role: 'etcd' | 'server'): number {
  const file = machine.runFile(role);
  if (!file || !isAlive(file)) throw new Error(`there is no ${role}:\n${daemon.text()}`);
  process.kill(file.pid, 'SIGKILL');
  return file.pid;
}

/** A directory with programs before those of PATH; what is put into it later counts as well. */
const bin = () => machine.at('bin');

async function start(...args: string[]): Promise<Running> {
  await mkdir(bin(), { recursive: true });
  const PATH = `${bin()}:${process.env['PATH']}`;
  const running = machine.start([...machine.flags, '--daemon', ...args], undefined, { PATH });
  await machine.says(running, /Ready: /);
  return running;
}

test.serial('etcd has no TCP port, and its sockets and ours are for root alone', async t => {
  daemon = await start('--dot=app.db', `--mountpoint=${machine.at('db')}`);
  t.deepEqual(tcpListeners().sort(), doors());
  t.is((await stat(machine.paths.directory)).mode & 0o777, 0o700);
  const sockets = readdirSync(machine.paths.directory, { withFileTypes: true }).filter(each =>
    each.isSocket(),
  );
  t.deepEqual(sockets.map(({ name }) => name).sort(), ['etcd-peer.sock:0', 'etcd.sock:0', 'server.sock']);
  for (const { name } of sockets)
    t.is((await stat(join(machine.paths.directory, name))).mode & 0o777, 0o600, name);
  t.like(machine.runFile('daemon'), { pid: daemon.child.pid, state: 'serving' });
  t.deepEqual(machine.alive(), ['daemon', 'etcd', 'server']);
});

test.serial(
  'a daemon at rest is seen to live by a machine that looks at its disk for ten seconds',
  async t => {
    await sh('zpool', 'sync', machine.pool);
    const { size: sizeBytes } = await stat(machine.device);
    const disk = { path: machine.device, sizeBytes, isBlock: false };
    t.is(await writtenMeanwhile([disk]), machine.device);
  },
);

test.serial('a second daemon is refused and told the pid of the first', async t => {
  const { code, text } = await machine.run('--daemon');
  t.is(code, 9, text);
  t.regex(text, new RegExp(`A daemon \\(pid ${daemon.child.pid}\\) serves this pool already`));
});

test.serial('a one-shot uses the daemon; subdots of a dot share its filesystem', async t => {
  await writeFile(machine.at('name'), 'app.cache\n');
  const { code, text } = await machine.run(
    `--dot-file=${machine.at('name')}`,
    `--mountpoint=${machine.at('cache')}`,
  );
  t.is(code, 0, text);
  t.regex(text, new RegExp(`A daemon \\(pid ${daemon.child.pid}\\) serves this pool: using it`));
  const [db, cache] = [await machine.mountAt('db'), await machine.mountAt('cache')];
  t.deepEqual([db?.root, cache?.root], ['/db', '/cache']);
  t.is(db?.source, cache?.source);
  const three = () => {
    const all = oursRunning().sort();
    return all.length === 3 && all;
  };
  // A child of the daemon that is about to become another program still shows the daemon's name.
  t.deepEqual(await until(three, within), ['dm-linuxkit', 'dotmesh-server', 'etcd']);
});

test.serial('a dot can be named after the machine', async t => {
  const { code, text } = await provide('hostname', 'host', '--owner=70');
  t.is(code, 0, text);
  t.true(await knows(dotNameOfHost(hostname())));
  const { uid, mode } = await stat(machine.at('host'));
  t.is(uid, 70);
  t.is(mode & 0o700, 0o700);
  t.not((await machine.mountAt('host'))?.source, (await machine.mountAt('db'))?.source);
});

for (const role of ['etcd', 'server'] as const) {
  test.serial(`when the ${role} is killed it comes back, and nothing is forgotten`, async t => {
    const dead = kill(role);
    const isBack = async () => machine.runFile(role)?.pid !== dead && (await knows('app'));
    t.true(await until(isBack, within), daemon.text());
    t.is(daemon.child.exitCode, null);
    t.deepEqual(tcpListeners().sort(), doors());
  });
}

test.serial('SIGTERM stops all of it in order; the mounts stay', async t => {
  // A request that is under way keeps the server for some seconds: etcd has to wait for it.
  const request = connect(machine.port, '127.0.0.1');
  request.on('error', () => undefined);
  await once(request, 'connect');
  const key = (await readFile(join(machine.stateDirectory, 'secrets/admin-api-key'), 'utf8')).trim();
  const head = [
    'POST /rpc HTTP/1.1',
    'Host: x',
    `Authorization: Basic ${Buffer.from(`admin:${key}`).toString('base64')}`,
    'Content-Type: application/json',
    'Content-Length: 9',
  ];
  request.write(`${head.join('\r\n')}\r\n\r\n{`);
  await knows('app');
  const etcd = createGateway({ endpoint: `unix://${machine.paths.etcdSocket}` });
  const order = new Set<string>();
  let answered = 0;
  const start = performance.now();
  daemon.child.kill('SIGTERM');
  const isOver = async () => {
    const healthy = await etcd.healthy(1_000);
    const alive = machine.alive();
    order.add(alive.join(' '));
    if (healthy && daemon.text().includes('Stopping.') && alive.includes('server')) answered++;
    return daemon.child.exitCode !== null;
  };
  t.true(await until(isOver, { ...within, everyMs: 5 }), daemon.text());
  const took = performance.now() - start;
  etcd.close();
  request.destroy();
  const { code, text } = await daemon.ended;
  t.is(code, 0, text);
  t.false(order.has('daemon server') || order.has('server'), [...order].join(', '));
  t.true(answered > 0, 'etcd did not answer while the server ended');
  t.true(took < 60_000, `it took ${took} ms`);
  t.deepEqual(oursRunning(), []);
  for (const name of ['db', 'cache', 'host']) t.truthy(await machine.mountAt(name), name);
  // No run file is left; the record of closed mountpoints is for "dm-linuxkit stop".
  t.deepEqual(
    readdirSync(machine.paths.directory).filter(name => name.endsWith('.json')),
    ['guards.json'],
  );
});

test.serial('the next daemon makes every mount again, and warns of one that it can not make', async t => {
  await writeFile(machine.at('db/file'), 'kept');
  const gone = (await machine.mountAt('host'))?.source ?? '';
  t.is((await machine.stop()).code, 0);
  await sh('zfs', 'destroy', '-r', gone);
  await writeFile(machine.at('cache/in-the-way'), '');
  await rmdir(machine.at('db'));
  await sh('zpool', 'export', machine.pool);

  daemon = await start();
  t.is(await readFile(machine.at('db/file'), 'utf8'), 'kept');
  t.regex(daemon.text(), /admin\/app\.cache is not mounted at \S+cache: .*holds files/);
  t.regex(daemon.text(), /is not mounted at \S+host: .*not there any more/);
  t.deepEqual(await readdir(machine.at('cache')), ['in-the-way']);
  t.is(await machine.mountAt('host'), undefined);
});

test.serial(
  'a daemon that is killed takes etcd and the server along, and the next run starts anew',
  async t => {
    const children = (['etcd', 'server'] as const).flatMap(role => machine.runFile(role) ?? []);
    t.is(children.length, 2);
    daemon.child.kill('SIGKILL');
    await daemon.ended;
    t.true(await until(() => !children.some(isAlive), within));
    await until(() => oursRunning().length === 0, within);
    t.deepEqual(oursRunning(), []);
    daemon = await start();
    t.notRegex(daemon.text(), /left over/);
    t.true(await knows('app'));
  },
);

test.serial('an etcd that does not stay up is given up with its last words, and all is stopped', async t => {
  const fake =
    'case "$1" in --version) exec /usr/bin/etcd --version;; esac\necho "no luck today" >&2\nexit 1\n';
  await writeFile(join(bin(), 'etcd'), `#!/bin/sh\n${fake}`, { mode: 0o755 });
  kill('etcd');
  const { code, text } = await daemon.ended;
  t.is(code, 5, text);
  t.regex(text, /etcd does not stay up: .*no luck today/);
  t.deepEqual(oursRunning(), []);
  t.truthy(await machine.mountAt('db'));

  const { code: next, text: said } = await provide('app.db', 'db');
  t.is(next, 0, said);
  t.regex(said, /app\.db: kept/);
});

test.serial('an address that the machine has not is refused by name, and everything is stopped', async t => {
  machine.host = '192.0.2.1';
  try {
    const { code, text } = await provide('app.db', 'db');
    t.is(code, 5, text);
    t.regex(text, /192\.0\.2\.1/);
    t.deepEqual(oursRunning(), []);
  } finally {
    machine.host = '127.0.0.1';
  }
});

test.serial('the port is taken by the daemon of another pool: a one-shot needs none', async t => {
  const other = await Machine.make('beside');
  daemon = await machine.daemon();
  try {
    const [disk, size, pool] = other.flags;
    const args = [disk ?? '', size ?? '', pool ?? '', '--dot=-x', `--mountpoint=${other.at('app')}`];
    const at = `--listen=127.0.0.1:${machine.port}`;
    const told = await other.start([...args.with(3, '--dot=app'), at]).ended;
    t.is(told.code, 5, told.text);
    t.regex(told.text, new RegExp(`Port ${machine.port} is already in use by dotmesh-server`));

    const dash = await other.start(args).ended;
    t.is(dash.code, 2, dash.text);
    t.regex(dash.text, /invalid dot name, should match pattern/);

    const { code, text } = await other.start(args.with(3, '--dot=app')).ended;
    t.is(code, 0, text);
    t.truthy(await other.mountAt('app'));
    t.true(await knows('app'));
  } finally {
    await other.clear();
    daemon.child.kill('SIGTERM');
    await daemon.ended;
  }
});

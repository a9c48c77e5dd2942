// What a booting machine does, through the built programs: a bare file becomes a mounted dot, again and
// again.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../../src/lib/retry.ts';
import { etcdMountpoint, MOUNT_PREFIX, RUN_DIRECTORY } from '../../src/model/layout.ts';
import { takeLock } from '../../src/system/lock.ts';
import { isAlive } from '../../src/system/processes.ts';
import { DIST, Machine, PATIENCE_MS } from '../helpers/boot.ts';
import { ask } from '../helpers/http.ts';

let machine: Machine;

test.before(async () => {
  machine = await Machine.make('boot');
});
test.after.always(() => machine.clear());

const PG = () => ['--dot=postgres', `--mountpoint=${machine.at('pg')}`, '--owner=123:124', '--mode=0700'];
const within = { deadlineMs: PATIENCE_MS };

test.serial(
  'a refusal before the first write changes nothing, closes the mountpoint, and says so',
  async t => {
    await mkdir(machine.at('full'));
    await writeFile(machine.at('full/file'), '');
    for (const [code, pattern, args] of [
      [2, /push and pull/, [...PG(), '--seed=hub/alice/shop', '--remote-username=u', '--remote-apikey=KEY1']],
      [2, /--oneshot and --daemon/, [...PG(), '--oneshot', '--daemon']],
      [7, /holds files/, ['--dot=a', `--mountpoint=${machine.at('full')}`]],
      [10, /is not there/, [...PG(), `--admin-api-key-file=${machine.at('absent')}`]],
    ] as const) {
      const { code: ended, text } = await machine.run(...args);
      t.is(ended, code, text);
      t.regex(text, pattern);
      t.false(text.includes('KEY1'));
    }
    t.deepEqual((await readdir(machine.folder)).sort(), ['full', 'pg']);
    await t.throwsAsync(writeFile(machine.at('pg/file'), ''), { code: 'EPERM' });
  },
);

test.serial('a device that is refused is as it was; what a failure has begun to write is named', async t => {
  const [alien, one] = [machine.at('alien'), machine.at('one')];
  await writeFile(alien, 'some data of somebody');
  await truncate(alien, 300 * 2 ** 20);
  for (const [devices, pattern] of [
    [alien, /is not blank.*\n.*Nothing was changed on the disks\./],
    // The first is made before the second can not be: there is no making files there.
    [
      `${one},/proc/dm-no-such-file`,
      /can not be created.*\n.*Begun on the disks: the file \S+one; the next run/,
    ],
  ] as const) {
    const flags = [`--storage-device=${devices}`, '--storage-size=300M', `--pool-name=${machine.pool}`];
    const { code, text } = await machine.start([...flags, ...PG()]).ended;
    t.is(code, 3, text);
    t.regex(text, pattern);
  }
  t.true(existsSync(one));
  for (const path of [alien, one]) await rm(path);
});

test.serial(
  'the first boot makes pool, dot and an empty directory for its user, and leaves nothing running',
  async t => {
    const { code, text } = await machine.run(...PG());
    t.is(code, 0, text);
    t.regex(text, /Ready: postgres is mounted at /);
    t.deepEqual(await readdir(machine.at('pg')), []);
    const { uid, gid, mode } = await stat(machine.at('pg'));
    t.deepEqual([uid, gid, mode & 0o7777], [123, 124, 0o700]);
    t.is((await machine.mountAt('pg'))?.root, '/__default__');
    t.deepEqual(machine.alive(), []);
    t.is((await stat(machine.stateDirectory)).mode & 0o777, 0o700);
    t.is((await stat(join(machine.stateDirectory, 'secrets/admin-api-key'))).mode & 0o777, 0o600);
  },
);

test.serial('the second run finds everything and changes nothing', async t => {
  await writeFile(machine.at('pg/file'), 'kept');
  const before = await machine.mountAt('pg');
  const { code, text } = await machine.run(...PG());
  t.is(code, 0, text);
  t.regex(text, /postgres: kept/);
  t.deepEqual(await machine.mountAt('pg'), before);
  t.is(await readFile(machine.at('pg/file'), 'utf8'), 'kept');
});

test.serial('a second dot joins the first, and two subdots share one filesystem', async t => {
  for (const [dot, at] of [
    ['app.db', 'db'],
    ['app.cache', 'cache'],
  ]) {
    const { code, text } = await machine.run(`--dot=${dot}`, `--mountpoint=${machine.at(at ?? '')}`);
    t.is(code, 0, text);
  }
  const [pg, db, cache] = await Promise.all(['pg', 'db', 'cache'].map(name => machine.mountAt(name)));
  t.truthy(pg);
  t.is(db?.source, cache?.source);
  t.not(db?.source, pg?.source);
});

test.serial('a mountpoint that shows another dot is refused, and that one stays', async t => {
  const before = await machine.mountAt('pg');
  const { code, text } = await machine.run('--dot=other', `--mountpoint=${machine.at('pg')}`);
  t.is(code, 7, text);
  t.regex(text, /something else mounted/);
  t.false(/other: created/.test(text));
  t.deepEqual(await machine.mountAt('pg'), before);
});

test.serial(
  'while another run has the pool, we wait: a signal ends that with 130, the timeout with 9; with 8 for the mounts',
  async t => {
    const lock = await takeLock(machine.paths.lock, { waitMs: 0 });
    try {
      const waiting = machine.start([...machine.flags, ...PG()]);
      await machine.says(waiting, /Waiting for another dm-linuxkit/);
      waiting.child.kill('SIGTERM');
      const { code, text } = await waiting.ended;
      t.is(code, 130, text);
      t.regex(text, /Nothing was changed/);
      const late = await machine.run(...PG(), '--timeout=1s');
      t.is(late.code, 9, late.text);
    } finally {
      await lock.release();
    }
    // Before anything else it closes its mountpoint, which is a matter of the machine's mounts.
    const mounts = await takeLock(join(RUN_DIRECTORY, 'mount.lock'), { waitMs: PATIENCE_MS });
    try {
      const late = await machine.run(...PG(), '--timeout=1s');
      t.is(late.code, 8, late.text);
      t.regex(late.text, /not done within 1 s/);
    } finally {
      await mounts.release();
    }
  },
);

test.serial('stop refuses while a mount is in use, names who, and leaves all as it was', async t => {
  t.is((await machine.run(...PG())).code, 0);

  const daemon = await machine.daemon();
  const user = spawn('sleep', ['600'], { cwd: machine.at('pg'), stdio: 'ignore' });
  try {
    t.truthy(await until(() => user.pid !== undefined, within));
    const { code, text } = await machine.stop('--export');
    t.is(code, 7, text);
    t.regex(text, new RegExp(`sleep \\(pid ${user.pid}\\)`));
    for (const name of ['pg', 'db', 'cache']) t.truthy(await machine.mountAt(name), name);
    t.deepEqual(machine.alive(), ['daemon', 'etcd', 'server']);
  } finally {
    user.kill('SIGKILL');
  }
  await until(() => user.signalCode !== null, within);
  t.is((await machine.stop()).code, 0);
  t.is((await daemon.ended).code, 0);
});

test.serial('stop --export takes everything away, and again has nothing to do', async t => {
  const { code, text } = await machine.stop('--export');
  t.is(code, 0, text);
  t.deepEqual(await readdir(machine.at('pg')), []);
  t.is(await machine.mountAt('pg'), undefined);
  await t.throwsAsync(stat(etcdMountpoint(MOUNT_PREFIX, machine.pool)), { code: 'ENOENT' });
  const again = await machine.stop('--export');
  t.is(again.code, 0, again.text);
  t.regex(again.text, /nothing to stop/);
});

test.serial(
  'a server that dies, or never answers, is told from a signal; nothing is left running',
  async t => {
    const folder = machine.at('bin');
    await mkdir(folder);
    const program = join(folder, 'dm-linuxkit');
    await copyFile(join(DIST, 'dm-linuxkit'), program);
    await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}');
    const server = (text: string) => writeFile(join(folder, 'dotmesh-server'), text, { mode: 0o755 });
    const boot = (...args: string[]) => machine.start([...machine.flags, ...PG(), ...args], program);

    await server('console.error("no heart"); process.exit(3);');
    const died = await boot().ended;
    t.is(died.code, 5, died.text);
    t.regex(died.text, /exit code 3.*no heart/);
    t.regex(died.text, /stays imported and nothing is running/);
    t.deepEqual(machine.alive(), []);

    await server('setInterval(() => undefined, 1000);');
    const slow = await boot('--timeout=6s').ended;
    t.is(slow.code, 8, slow.text);
    t.deepEqual(machine.alive(), []);

    const waiting = boot();
    t.truthy(await until(() => machine.alive().includes('server'), within), waiting.text());
    waiting.child.kill('SIGTERM');
    const { code, text } = await waiting.ended;
    t.is(code, 130, text);
    t.deepEqual(machine.alive(), []);
  },
);

test.serial(
  'a daemon brings every mount back, serves a one-shot, restarts what dies, and ends in order',
  async t => {
    const key = join(machine.stateDirectory, 'secrets/admin-api-key');
    const daemon = await machine.daemon(...PG());
    t.is(await readFile(machine.at('pg/file'), 'utf8'), 'kept');
    const before = await readFile(key, 'utf8');

    const second = await machine.run('--daemon');
    t.is(second.code, 9, second.text);
    t.regex(second.text, new RegExp(`pid ${daemon.child.pid}`));

    const once = await machine.run('--dot=redis', `--mountpoint=${machine.at('redis')}`);
    t.is(once.code, 0, once.text);
    t.regex(once.text, /using it/);
    t.regex(once.text, /--listen changes nothing/);
    t.truthy(await machine.mountAt('redis'));

    // Whoever read its words has gone, as in `dm-linuxkit … 2>&1 | head`: it goes on serving.
    for (const stream of [daemon.child.stdout, daemon.child.stderr]) stream?.destroy();
    for (const role of ['etcd', 'server'] as const) {
      const dead = machine.runFile(role)?.pid ?? 0;
      process.kill(dead, 'SIGKILL');
      const answers = async () => {
        if (machine.runFile(role)?.pid === dead) return false;
        const client = machine.client();
        try {
          return (await client.call('Exists', { Namespace: 'admin', Name: 'redis', Branch: '' })) !== '';
        } catch {
          return false;
        } finally {
          client.close();
        }
      };
      t.true(await until(answers, within), daemon.text());
    }

    // As a run in another pid namespace sees it: the socket answers, and the run files name nobody.
    const roles = ['daemon', 'etcd', 'server'] as const;
    for (const role of roles) await rename(machine.paths[role], `${machine.paths[role]}.aside`);
    const blind = await machine.run(...PG());
    for (const role of roles) await rename(`${machine.paths[role]}.aside`, machine.paths[role]);
    t.is(blind.code, 9, blind.text);
    t.regex(blind.text, /pid namespace/);

    daemon.child.kill('SIGTERM');
    const { code, text } = await daemon.ended;
    t.is(code, 0, text);
    t.deepEqual(machine.alive(), []);
    t.truthy(await machine.mountAt('redis'));
    t.is(await readFile(key, 'utf8'), before);
  },
);

test.serial(
  "the file that was made for the admin's key holds the one in force, also after a reset",
  async t => {
    const file = join(machine.stateDirectory, 'secrets/admin-api-key');
    const daemon = await machine.daemon();
    t.regex(daemon.text(), new RegExp(`the admin's key in ${file}\\.`));
    const old = (await readFile(file, 'utf8')).trim();
    const works = async (key: string) => {
      const where = { host: '127.0.0.1', port: machine.port };
      const body = '{"jsonrpc":"2.0","method":"DotmeshRPC.Ping","id":1}';
      const headers = { 'Content-Type': 'application/json' };
      return (await ask(where, { method: 'POST', path: '/rpc', headers, body, auth: `admin:${key}` })).status;
    };
    const client = machine.client();
    const { ApiKey } = await client.call('ResetApiKey', null).finally(() => client.close());
    t.is(await readFile(file, 'utf8'), `${ApiKey}\n`);
    t.is((await stat(file)).mode & 0o777, 0o600);
    t.deepEqual([await works(ApiKey), await works(old)], [200, 401]);
    daemon.child.kill('SIGTERM');
    t.is((await daemon.ended).code, 0);

    const next = await machine.daemon();
    t.deepEqual([await works(ApiKey), await works(old)], [200, 401]);
    next.child.kill('SIGTERM');
    t.is((await next.ended).code, 0);
  },
);

test.serial(
  'a daemon listens on an IPv6 address alone; killed, it leaves nothing that the next run would trust',
  async t => {
    if (existsSync('/proc/net/if_inet6')) machine.host = '[::1]';
    else t.log('this machine has no IPv6');
    const daemon = await machine.daemon();
    const asks = (host: string) => ask({ host, port: machine.port }, { path: '/check' });
    t.is((await asks(machine.host.replace(/[[\]]/g, ''))).status, 200);
    if (machine.host === '[::1]') await t.throwsAsync(asks('127.0.0.1'), { code: 'ECONNREFUSED' });
    machine.host = '127.0.0.1';
    const left = (['etcd', 'server'] as const).flatMap(role => machine.runFile(role) ?? []);
    t.is(left.length, 2);
    daemon.child.kill('SIGKILL');
    await daemon.ended;
    const { code, text } = await machine.run(...PG());
    t.is(code, 0, text);
    t.false(/using it/.test(text));
    for (const process of left) t.false(isAlive(process), process.role);
  },
);

test.serial("etcd's data from another version is set aside, and every dot is still there", async t => {
  await writeFile(join(machine.stateDirectory, 'etcd-version'), '3.3\n');
  const { code, text } = await machine.run('--dot=redis', `--mountpoint=${machine.at('redis')}`);
  t.is(code, 0, text);
  t.regex(text, /set aside/);
  t.regex(text, /redis: kept/);
});

test.serial('etcd that does not start on its data gets a fresh start', async t => {
  await writeFile(join(machine.stateDirectory, 'etcd/member/snap/db'), 'no database'.repeat(10_000));
  const { code, text } = await machine.run('--dot=redis', `--mountpoint=${machine.at('redis')}`);
  t.is(code, 0, text);
  t.regex(text, /set aside/);
  t.regex(text, /redis: kept/);
});

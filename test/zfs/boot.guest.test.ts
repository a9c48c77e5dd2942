// guest: disks=1
// A whole bare disk becomes a mounted dot, and every later boot finds it as it was: the built dm-linuxkit on the
// kernel's OpenZFS.
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { etcdDataset } from '../../src/model/layout.ts';
import { reservationFor } from '../../src/provision/state-dataset.ts';
import { createRpcClient } from '../../src/remote/rpc-client.ts';
import { Machine } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';
import { oursRunning, watchCommandLines } from '../helpers/proc.ts';

const CONFIG = '/run/config/dotmesh';

let machine: Machine;

test.before(async () => {
  machine = await Machine.make('boot', '/dev/ubda');
});
test.after.always(() => machine.clear());

/** The directories above the mountpoint are missing at first. */
const PG = () => [
  '--dot=postgres',
  `--mountpoint=${machine.at('srv/db/pg')}`,
  '--owner=123:124',
  '--mode=0700',
];
const secretOf = async (name: string) =>
  (await readFile(join(machine.stateDirectory, 'secrets', name), 'utf8')).trim();
const datasets = () => sh('zfs', 'list', '-Hp', '-r', '-t', 'all', '-o', 'name,guid', machine.pool);

test.serial('a seed is refused before a disk is touched, and no key is repeated', async t => {
  await mkdir(CONFIG, { recursive: true });
  t.teardown(() => rm(CONFIG, { recursive: true }));
  const seed = '--seed=hub.example/alice/shop';
  const withKey = [seed, '--remote-username=u', '--remote-apikey=KEY-OF-MINE'];
  await writeFile(machine.at('credentials'), 'alice:KEY:OF:MINE\n', { mode: 0o644 });
  const expected: [number, RegExp[], string[], prepare?: () => Promise<void>][] = [
    [2, [/push and pull/, /remote-apikey can be seen by every user/], withKey],
    [10, [/no credentials for the seed: \/run\/config\/dotmesh\/credentials/], [seed]],
    [
      2,
      [/push and pull/, /can be read by other users/],
      [seed, `--credentials-file=${machine.at('credentials')}`],
    ],
    [2, [/--seed-file=\S+ is not there/], [`--seed-file=${machine.at('absent')}`]],
    [2, [/The seed "nonsense" can not be read/], [], () => writeFile(join(CONFIG, 'seed'), 'nonsense\n')],
  ];
  for (const [code, patterns, args, prepare] of expected) {
    await prepare?.();
    const ended = await machine.run(...PG(), ...args);
    t.is(ended.code, code, ended.text);
    for (const pattern of patterns) t.regex(ended.text, pattern);
    t.regex(ended.text, /Nothing was changed/);
    t.notRegex(ended.text, /OF.MINE/);
  }
  t.is(await sh('zpool', 'list', '-H'), '');
  t.is(await sh('sfdisk', '--dump', machine.device).catch(() => 'no table'), 'no table');
  // Its mountpoint is closed, as with every failure; nothing else is there.
  t.deepEqual((await readdir(machine.folder)).sort(), ['credentials', 'srv']);
});

test.serial(
  'a bare disk becomes an empty directory of its user, and nothing of ours keeps running',
  async t => {
    const watched = watchCommandLines();
    const { code, text } = await machine.run(...PG(), '--log-level=debug');
    const commandLines = watched();
    t.is(code, 0, text);
    t.regex(await sh('sfdisk', '--dump', machine.device), /name="dotmesh"/);
    t.regex(await sh('zpool', 'status', '-P', machine.pool), /\/dev\/ubda1 /);
    t.is(await sh('zfs', 'get', '-H', '-o', 'value', 'dm-linuxkit:pool', machine.pool), 'dm-linuxkit');

    const pg = machine.at('srv/db/pg');
    t.deepEqual(await readdir(pg), []);
    const { uid, gid, mode } = await stat(pg);
    t.deepEqual([uid, gid, mode & 0o7777], [123, 124, 0o700]);
    t.is((await machine.mountAt('srv/db/pg'))?.root, '/__default__');
    t.deepEqual(oursRunning(), []);

    const size = Number(await sh('zpool', 'list', '-Hp', '-o', 'size', machine.pool));
    const reservation = await sh(
      'zfs',
      'get',
      '-Hp',
      '-o',
      'value',
      'reservation',
      etcdDataset(machine.pool),
    );
    t.is(Number(reservation), reservationFor(size));
    t.is((await stat(machine.stateDirectory)).mode & 0o777, 0o700);

    t.true(
      commandLines.some(line => /\bzfs create\b/.test(line)),
      'the watch saw nothing',
    );
    t.regex(text, /debug/i);
    for (const name of ['admin-api-key', 'admin-password']) {
      const secret = await secretOf(name);
      t.is((await stat(join(machine.stateDirectory, 'secrets', name))).mode & 0o777, 0o600);
      t.false(text.includes(secret), `${name} is in the log`);
      t.false(
        commandLines.some(line => line.includes(secret)),
        `${name} is in an argument`,
      );
    }
  },
);

test.serial('a second run keeps all of it, the owner and mode that a person set included', async t => {
  const pg = machine.at('srv/db/pg');
  await writeFile(join(pg, 'file'), 'kept');
  await chown(pg, 1000, 1001);
  await chmod(pg, 0o750);
  const before = [await datasets(), await machine.mountAt('srv/db/pg'), await secretOf('admin-api-key')];
  const { code, text } = await machine.run(...PG());
  t.is(code, 0, text);
  t.regex(text, /postgres: kept/);
  t.deepEqual(
    [await datasets(), await machine.mountAt('srv/db/pg'), await secretOf('admin-api-key')],
    before,
  );
  const { uid, gid, mode } = await stat(pg);
  t.deepEqual([uid, gid, mode & 0o7777], [1000, 1001, 0o750]);
});

test.serial('after a reboot the pool is imported, and all is there again', async t => {
  const before = [await datasets(), await secretOf('admin-api-key'), await secretOf('admin-password')];
  const stopped = await machine.stop('--export');
  t.is(stopped.code, 0, stopped.text);
  t.is(await sh('zpool', 'list', '-H'), '');
  t.deepEqual(await readdir(machine.at('srv/db/pg')), []);
  const { code, text } = await machine.run(...PG());
  t.is(code, 0, text);
  t.regex(text, /imported/);
  t.deepEqual([await datasets(), await secretOf('admin-api-key'), await secretOf('admin-password')], before);
  t.is(await readFile(machine.at('srv/db/pg/file'), 'utf8'), 'kept');
  t.is((await stat(machine.at('srv/db/pg'))).uid, 1000);
});

test.serial('a branch that is not there is refused in a sentence, and no dot is made for it', async t => {
  const { code, text } = await machine.run('--dot=other@v2', `--mountpoint=${machine.at('v2')}`);
  t.is(code, 6, text);
  t.regex(text, /The dot other has no branch v2\./);
  t.is(
    (await sh('zfs', 'list', '-H', '-r', '-o', 'dm-linuxkit:name', machine.pool)).includes('other'),
    false,
  );
  t.deepEqual(oursRunning(), []);
});

const DAMAGES: [how: string, pattern: RegExp, damage: (state: string) => Promise<void>][] = [
  ['lost', /postgres: kept/, state => rm(join(state, 'etcd'), { recursive: true })],
  [
    'written by another version',
    /set aside.*written by etcd 3\.6/,
    state => writeFile(join(state, 'etcd-version'), '3.6\n'),
  ],
  [
    'damaged',
    /set aside/,
    state => writeFile(join(state, 'etcd/member/snap/db'), 'no database'.repeat(10_000)),
  ],
];
for (const [how, pattern, damage] of DAMAGES) {
  test.serial(`etcd's data was ${how}: the dot is found without it`, async t => {
    await damage(machine.stateDirectory);
    const { code, text } = await machine.run(...PG());
    t.is(code, 0, text);
    t.regex(text, pattern);
    t.regex(text, /postgres: kept/);
  });
}

/** Whether the API on the TCP port takes the admin's key or password. */
async function opens(apiKey: string): Promise<boolean> {
  const client = createRpcClient({ host: '127.0.0.1', port: machine.port, user: 'admin', apiKey });
  try {
    return (await client.call('CurrentUser', null)).Name === 'admin';
  } catch {
    return false;
  } finally {
    client.close();
  }
}

/** What a daemon accepts and refuses that starts with this file; resolves to the key that it made when asked to. */
async function keysOf(
  t: ExecutionContext,
  content: string,
  { accepted, refused }: { accepted: string; refused: string },
): Promise<string> {
  await mkdir(CONFIG, { recursive: true });
  t.teardown(() => rm(CONFIG, { recursive: true, force: true }));
  await writeFile(join(CONFIG, 'admin-api-key'), content, { mode: 0o600 });
  await writeFile(join(CONFIG, 'admin-password'), 'password-given\n', { mode: 0o600 });
  const daemon = await machine.daemon();
  t.true(await opens('password-given'), daemon.text());
  t.true(await opens(accepted), daemon.text());
  t.false(await opens(refused), daemon.text());
  const client = machine.client();
  const { ApiKey } = await client.call('ResetApiKey', null);
  client.close();
  daemon.child.kill('SIGTERM');
  const { code, text } = await daemon.ended;
  t.is(code, 0, text);
  for (const key of [ApiKey, content.trim(), 'password-given']) t.false(text.includes(key));
  return ApiKey;
}

test.serial('a file of secrets that was named and is not there is refused', async t => {
  const { code, text } = await machine.run(...PG(), `--admin-api-key-file=${machine.at('absent')}`);
  t.is(code, 10, text);
  t.regex(text, /--admin-api-key-file=\S+ is not there/);
});

let reset: string;

test.serial("the metadata's key is in force, instead of the one that was made", async t => {
  const made = await secretOf('admin-api-key');
  await keysOf(t, 'first-key-given\n', { accepted: 'first-key-given', refused: made });
});

test.serial('a changed key in the metadata is applied', async t => {
  const keys = { accepted: 'second-key-given', refused: 'first-key-given' };
  reset = await keysOf(t, 'second-key-given\n', keys);
});

test.serial('a key that was reset since stays, although the metadata have the old one', async t => {
  // Not even the loss of etcd's data brings the old one back.
  await rm(join(machine.stateDirectory, 'etcd'), { recursive: true });
  await keysOf(t, 'second-key-given\n', { accepted: reset, refused: 'second-key-given' });
});

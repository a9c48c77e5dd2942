// Where a dot appears: every mountpoint that is refused, and that the machine is ready for another try afterwards.
import { mkdir, readdir, rmdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { MOUNT_PREFIX } from '../../src/model/layout.ts';
import { readStatus, STATUS_FILES } from '../../src/provision/status.ts';
import { DIST, type Ended, Machine, type Running } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';

let machine: Machine;
let daemon: Running;

test.before(async () => {
  machine = await Machine.make('mounts');
});
test.after.always(() => machine.clear());

const provide = (dot: string, at: string): Promise<Ended> =>
  machine.run(`--dot=${dot}`, `--mountpoint=${at.startsWith('/') ? at : machine.at(at)}`);

/** Mountpoints that the server has recorded for the next start of a daemon. */
async function recorded(): Promise<string[]> {
  const client = machine.client();
  try {
    return (await client.call('Mounts', null)).map(({ Mountpoint }) => Mountpoint).sort();
  } finally {
    client.close();
  }
}

test.serial('a mountpoint that can not be used is refused before anything is made', async t => {
  await mkdir(machine.at('full'));
  await writeFile(machine.at('full/file'), 'mine');
  await mkdir(machine.at('taken'));
  await symlink(machine.at('full'), machine.at('link'));
  await symlink('/var', machine.at('var'));
  await sh('mount', '-t', 'tmpfs', 'somebody', machine.at('taken'));
  t.teardown(() => sh('umount', machine.at('taken')));
  const before = (await readdir(machine.folder)).sort();
  for (const [code, pattern, at] of [
    [7, /full holds files/, 'full'],
    [7, /full\/file is not a directory/, 'full/file'],
    [7, /something above it is a file/, 'full/file/below'],
    [7, /link is a symbolic link/, 'link'],
    [7, /something else mounted: somebody \(tmpfs\)/, 'taken'],
    [2, /would cover or lie in \/var\/dotmesh\/mnt/, `${MOUNT_PREFIX}/dmfs/mine`],
    [2, /would cover or lie in \/var\/dotmesh\/mnt/, 'var/dotmesh/mnt/mine'],
  ] as const) {
    const { code: ended, text } = await provide('app', at);
    t.is(ended, code, text);
    t.regex(text, pattern);
  }
  const relative = await machine.run('--dot=app', '--mountpoint=srv/app');
  t.is(relative.code, 2, relative.text);
  t.regex(relative.text, /"srv\/app" is not absolute/);
  t.deepEqual((await readdir(machine.folder)).sort(), before);
  t.is(await sh('zpool', 'list', '-H'), '');
});

test.serial('directories that are missing are made, and the mount that is there already is kept', async t => {
  daemon = await machine.daemon('--dot=app', `--mountpoint=${machine.at('a/b/app')}`);
  const before = await machine.mountAt('a/b/app');
  t.is(before?.root, '/__default__');
  t.is((await stat(machine.at('a/b'))).mode & 0o777, 0o755);
  const { code, text } = await provide('app', `${machine.at('a/b')}//app/`);
  t.is(code, 0, text);
  t.deepEqual(await machine.mountAt('a/b/app'), before);
  t.is(await sh('grep', '-c', ` ${machine.at('a/b/app')} `, '/proc/self/mountinfo'), '1');
});

test.serial('a mountpoint that shows another dot, or another subdot of it, is refused', async t => {
  const before = await machine.mountAt('a/b/app');
  for (const dot of ['other', 'app.sub']) {
    const { code, text } = await provide(dot, 'a/b/app');
    t.is(code, 7, text);
    t.regex(text, /something else mounted/);
    t.notRegex(text, /created/);
  }
  t.deepEqual(await machine.mountAt('a/b/app'), before);
  t.deepEqual(await recorded(), [machine.at('a/b/app')]);
});

test.serial('a mount that fails is not recorded, and elsewhere it works at once', async t => {
  await mkdir(machine.at('sealed'));
  await sh('mount', '-t', 'tmpfs', '-o', 'ro', 'sealed', machine.at('sealed'));
  try {
    const { code, text } = await provide('late', 'sealed/late');
    t.is(code, 7, text);
    t.regex(text, /sealed\/late can not be made: .*(EROFS|read-only)/);
    t.regex(text, /The daemon goes on serving/);
  } finally {
    await sh('umount', machine.at('sealed'));
  }
  t.false((await recorded()).includes(machine.at('sealed/late')));
  const { code, text } = await provide('late', 'late');
  t.is(code, 0, text);
  t.truthy(await machine.mountAt('late'));
});

test.serial('a mountpoint may have a strange name, and may lie within another dot', async t => {
  const names = ['with space\\040 and é#', '-o ro', 'a/b/app/inner'];
  for (const name of names) {
    const { code, text } = await provide('app.data', machine.at(name));
    t.is(code, 0, text);
    t.is((await machine.mountAt(name))?.root, '/data', name);
    await writeFile(`${machine.at(name)}/file`, name);
  }
  t.is((await recorded()).length, 5);
});

test.serial('a dot at two places is one: both show the same file', async t => {
  const { code, text } = await provide('app', 'again');
  t.is(code, 0, text);
  await writeFile(machine.at('again/seen'), '');
  t.deepEqual(await readdir(machine.at('a/b/app')), ['inner', 'seen']);
});

test.serial(
  'a mount that stays in the mount namespace of a container is told, one that is shared is not',
  async t => {
    await mkdir(machine.at('shared'));
    await sh('mount', '--bind', machine.at('shared'), machine.at('shared'));
    await sh('mount', '--make-rshared', machine.at('shared'));
    t.teardown(() => sh('umount', machine.at('shared')));
    const other = await Machine.make('inside');
    const container = (at: string) => [
      ...['--mount', '--propagation=unchanged', '--', 'sh', '-c'],
      // A container's root is shared with nobody outside; what it has bound may be.
      `mount --make-private '${other.folder}' && exec "$@"`,
      ...[
        'sh',
        process.execPath,
        join(DIST, 'dm-linuxkit'),
        ...other.flags,
        '--dot=app',
        `--mountpoint=${at}`,
      ],
    ];
    await sh('mount', '--bind', other.folder, other.folder);
    try {
      const [seen, hidden] = [machine.at('shared/app'), other.at('app')];
      for (const at of [seen, hidden]) {
        const { code, text } = await other.startProgram('unshare', container(at)).ended;
        t.is(code, 0, text);
        t.is(/app is seen in this container only/.test(text), at === hidden, text);
      }
      const mounts = (await readStatus(STATUS_FILES.oneshot))?.mounts ?? [];
      const messageOf = (path: string) => mounts.find(({ mountpoint }) => mountpoint === path)?.message;
      t.is(messageOf(seen), '');
      t.regex(messageOf(hidden) ?? '', /in this container only/);
      const plain = await other.run('--dot=app', `--mountpoint=${hidden}`);
      t.is(plain.code, 0, plain.text);
      t.notRegex(plain.text, /in this container only/);
    } finally {
      const stopped = await other.stop('--export');
      await sh('umount', other.folder);
      await other.clear();
      t.is(stopped.code, 0, stopped.text);
    }
  },
);

test.serial('stop takes them all away, and a daemon brings them all back, one within the other', async t => {
  // Recorded anew, so that the one within it was there first.
  const client = machine.client();
  await client.call('ForgetMount', { Mountpoint: machine.at('a/b/app') });
  client.close();
  t.is((await provide('app', 'a/b/app')).code, 0);
  const before = await recorded();
  t.is(before.length, 6);
  const stopped = await machine.stop('--export');
  t.is(stopped.code, 0, stopped.text);
  t.is((await daemon.ended).code, 0);
  t.deepEqual(await readdir(machine.at('a/b/app')), []);
  await rmdir(machine.at('-o ro'));
  daemon = await machine.daemon();
  t.deepEqual(await recorded(), before);
  for (const mountpoint of before)
    t.truthy(await machine.mountAt(mountpoint.slice(machine.folder.length + 1)), daemon.text());
});

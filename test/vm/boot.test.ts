// A LinuxKit machine from its first boot on: our example for PostgreSQL as it stands, our image through runc, another
// program in PostgreSQL's place.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { digestOf } from '../helpers/digest.ts';
import { startProgram } from '../helpers/program.ts';
import { application, Bench, example, PATIENCE_MS, type Vm } from '../helpers/vm.ts';

const KEY = 'KEY-OF-THE-METADATA-1234567890';
const PASSWORD = 'password-of-the-metadata';
const secret = (content: string) => ({ perm: '0600', content });
const USERDATA = JSON.stringify({
  dotmesh: {
    perm: '0700',
    entries: { 'admin-api-key': secret(KEY), 'admin-password': secret(PASSWORD) },
  },
  other: { content: 'of somebody else' },
});

/** Adds a line to what it finds, on what it was given, as the user that it is. */
const APPLICATION = 'id -u; echo started >>/var/lib/postgresql/data/starts && sync && exec sleep 1000000';

/** linuxkit-examples/postgres.yml, but for the image and command of the application. */
function postgres() {
  const yaml = example('postgres.yml');
  const services = yaml.services.map(entry =>
    entry.name === 'postgres' ? { ...entry, ...application(entry.name, APPLICATION) } : entry,
  );
  return { ...yaml, services };
}

let bench: Bench;
let vm: Vm;
let disk: string;
test.before(async t => {
  t.timeout(PATIENCE_MS);
  bench = await Bench.make('boot');
  disk = await bench.disk('pool');
});
test.after.always(() => bench.clear());

const sizeOfPool = async () => Number(await vm.exec('dotmesh', 'zpool list -Hp -o size dotmesh-pool'));
const starts = () => vm.sh('cat /var/lib/postgres/starts');

test.serial('the first boot makes the pool on the one blank disk, in the onboot step', async t => {
  t.timeout(2 * PATIENCE_MS);
  vm = await bench.boot({ yaml: postgres(), disks: [disk], userdata: USERDATA });
  await vm.booted();
  t.is(vm.codeOf('dotmesh-init'), 0, vm.console());
  t.regex(vm.console(), /^dm-linuxkit: ready: postgres at \/var\/lib\/postgres$/m);
  const { state, mounts } = await vm.status();
  t.deepEqual([state, mounts.map(mount => mount.state)], ['ready', ['mounted']]);
  t.regex(await vm.sh('mount -t zfs'), / on \/var\/lib\/postgres type zfs /);
  t.is(await vm.sh('stat -c "%u %g %a" /var/lib/postgres'), '999 999 700');
});

test.serial('the service keeps what the onboot step made, and serves it', async t => {
  t.timeout(PATIENCE_MS);
  await vm.serves();
  t.regex(await vm.sh('cat /var/log/dotmesh*.log'), /postgres: kept/);
  t.is((await vm.status('status-daemon.json')).state, 'serving');
});

test.serial('the application is its own user, and finds the dot at its place', async t => {
  t.timeout(PATIENCE_MS);
  await vm.eventually('test -s /var/lib/postgres/starts');
  t.is(await vm.sh('cat /var/log/postgres.out.log'), '999');
  t.regex(await vm.exec('postgres', 'cat /proc/mounts'), /^\S+ \/var\/lib\/postgresql\/data zfs rw/m);
  t.is(await vm.sh('stat -c %u /var/lib/postgres/starts'), '999');
});

test.serial('secrets of the user-data are for root, and nowhere else on the machine', async t => {
  t.timeout(PATIENCE_MS);
  t.is(await vm.sh('stat -c %a /run/config/dotmesh /run/config/dotmesh/admin-api-key'), '700\n600');
  t.is(await vm.sh('cat /run/config/other'), 'of somebody else');
  t.notRegex(await vm.sh('cat /run/config/userdata'), /metadata/i);
  for (const text of [vm.console(), await vm.sh('cat /var/log/*.log /run/dotmesh/*.json')])
    t.false(text.includes(KEY) || text.includes(PASSWORD));
});

test.serial('"dm list" on another machine shows the dot, with the key of the user-data', async t => {
  t.timeout(PATIENCE_MS);
  const home = join(bench.folder, 'home');
  await mkdir(home);
  const env = { ...process.env, HOME: home, DOTMESH_PASSWORD: '', DOTMESH_API_KEY: '' };
  const dm = async (args: string[], input = '') => {
    const program = startProgram([process.execPath, join(process.env['DM_DIST'] ?? 'dist', 'dm'), ...args], {
      env,
      input,
    });
    return { ...(await program.ended), text: program.text() };
  };
  const added = await dm(['remote', 'add', 'vm', `admin@127.0.0.1:${await vm.port()}`], `${KEY}\n`);
  t.is(added.code, 0, added.text);
  const listed = await dm(['list']);
  t.is(listed.code, 0, listed.text);
  t.regex(listed.text, /^[* ] postgres +master /m);
});

test.serial(
  'after a shutdown the data is there, on a disk that has grown, beside a blank one that has come',
  async t => {
    t.timeout(2 * PATIENCE_MS);
    const before = await sizeOfPool();
    await vm.shutDown();
    await bench.disk('pool', 2048);
    // Which of them is /dev/sda now, nobody knows: the kernel looks at both at once.
    const blank = await bench.disk('blank');
    vm = await bench.boot({ yaml: postgres(), disks: [blank, disk] });
    await vm.serves();
    t.is(vm.codeOf('dotmesh-init'), 0, vm.console());
    await vm.eventually('test "$(grep -c started /var/lib/postgres/starts)" = 2');
    t.is(await starts(), 'started\nstarted');
    t.true((await sizeOfPool()) > 1.5 * before, 'the pool has taken the room');
    t.is(await digestOf(blank), await digestOf(await bench.disk('never used')), 'the blank disk is blank');
  },
);

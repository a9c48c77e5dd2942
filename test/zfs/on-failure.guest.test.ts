// A boot step that fails, as LinuxKit's boot meets it: it holds the boot, tries again, or switches the machine off.
import { chmod, mkdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import test from 'ava';
import { writtenMeanwhile } from '../../src/provision/idle.ts';
import { readStatus, STATUS_FILES } from '../../src/provision/status.ts';
import { Machine } from '../helpers/boot.ts';
import { type Disks, makeDisks } from '../helpers/disks.ts';

const LATE = '/dev/late-disk';
let machine: Machine;
let disks: Disks;

test.before(async () => {
  machine = await Machine.make('failure');
  disks = await makeDisks();
});
test.after.always(async () => {
  await machine.clear();
  await rm(LATE, { force: true });
  await disks.clear();
});

const step = (...more: string[]) => [
  `--storage-device=${LATE}`,
  '--wait-device=0',
  `--pool-name=${machine.pool}`,
  '--dot=app',
  `--mountpoint=${machine.at('app')}`,
  ...more,
];

test.serial('switching off: the reason is told first, on the console and in the status', async t => {
  await mkdir(machine.at('bin'));
  await writeFile(machine.at('bin/poweroff'), `#!/bin/sh\necho "$@" >>'${machine.at('console')}'\n`);
  await chmod(machine.at('bin/poweroff'), 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${machine.at('bin')}:${path}`;
  const { code, text } = await machine.start(
    step('--on-failure=poweroff', `--console=${machine.at('console')}`),
  ).ended;
  process.env['PATH'] = path;
  t.is(code, 3, text);
  t.regex(text, /Switching the machine off: There is no device \/dev\/late-disk/);
  const lines = (await readFile(machine.at('console'), 'utf8')).split('\n');
  t.regex(lines[0] ?? '', /^dm-linuxkit: FAILED \(device\/DEVICE_MISSING\): There is no device/);
  t.deepEqual(lines.slice(1), ['-f', '']);
  t.like(await readStatus(STATUS_FILES.oneshot), { state: 'failed', code: 'DEVICE_MISSING', dot: 'app' });
  t.is((await stat(STATUS_FILES.oneshot)).mode & 0o777, 0o644);
});

test.serial('what can not pass holds the boot until SIGTERM, and ends with its own code', async t => {
  const secret = machine.at('key');
  await writeFile(secret, 'PLACEHOLDER-admin-api-key\n');
  const userdata = machine.at('userdata');
  await writeFile(userdata, JSON.stringify({ dotmesh: { entries: {} }, hostname: { content: 'h' } }));
  const held = machine.start(
    step(
      '--on-failure=wait',
      `--admin-api-key-file=${secret}`,
      '--shred-userdata',
      `--userdata-file=${userdata}`,
    ),
  );
  await machine.says(held, /The boot is held, for \d+ s at most or until SIGTERM: .*placeholder/);
  // A secret was refused, and the raw user-data is clean all the same.
  t.is(await readFile(userdata, 'utf8'), '{"hostname":{"content":"h"}}\n');
  await t.throwsAsync(writeFile(machine.at('app/file'), ''));
  held.child.kill('SIGTERM');
  t.is((await held.ended).code, 10);
});

test.serial('waiting for what may pass ends when its time is over', async t => {
  const { code, text } = await machine.start(step('--on-failure=wait', '--on-failure-timeout=1s')).ended;
  t.is(code, 3, text);
  t.regex(text, /The boot is held; the next try is in 1 s/);
});

test.serial(
  'a wrong command line closes the mountpoint, and holds the boot as one that can be read',
  async t => {
    const console = machine.at('console');
    const held = machine.start(['--what', ...step('--on-failure=wait', `--console=${console}`)]);
    await machine.says(held, /The boot is held, for \d+ s at most or until SIGTERM: There is no flag --what/);
    await t.throwsAsync(writeFile(machine.at('app/file'), ''));
    t.like(await readStatus(STATUS_FILES.oneshot), { state: 'failed', code: 'UNKNOWN_FLAG', dot: 'app' });
    t.regex(await readFile(console, 'utf8'), /FAILED \(usage\/UNKNOWN_FLAG\): There is no flag --what\.\n$/);
    held.child.kill('SIGTERM');
    const { code, text } = await held.ended;
    t.is(code, 2, text);
    t.regex(text, /app stays closed until its dot is mounted/);
  },
);

test.serial(
  'a boot step that holds the boot keeps its mountpoint closed, whoever stops the pool',
  async t => {
    // One that is not tried again, and so does not close it anew.
    const waiting = machine.start(['--what', ...step('--on-failure=wait')]);
    await machine.says(waiting, /The boot is held, for/);
    t.is((await machine.stop()).code, 0);
    await t.throwsAsync(writeFile(machine.at('app/file'), ''));
    waiting.child.kill('SIGTERM');
    await waiting.ended;
    t.is((await machine.stop()).code, 0);
    await writeFile(machine.at('app/file'), '');
    await rm(machine.at('app/file'));
  },
);

test.serial(
  'a boot step that failed after the import goes on writing to the pool while it holds the boot',
  async t => {
    const other = await Machine.make('held');
    try {
      // The server refuses the name: what can not pass is not tried again, and so writes nothing by itself.
      const held = other.start([
        ...other.flags,
        ...['--dot=-x', `--mountpoint=${other.at('app')}`, '--on-failure=wait'],
      ]);
      await machine.says(held, /The boot is held, for/);
      const { size: sizeBytes } = await stat(other.device);
      const watched = [{ path: other.device, sizeBytes, isBlock: false }];
      // What was written before takes two transaction groups at most.
      for (let look = 0; look < 3; look++)
        t.is(await writtenMeanwhile(watched, { forMs: 60_000 }), other.device, held.text());
      held.child.kill('SIGTERM');
      t.is((await held.ended).code, 2);
    } finally {
      await other.clear();
    }
  },
);

test.serial('a disk that comes late ends the wait, and the dot is mounted', async t => {
  const waiting = machine.start(step('--on-failure=wait', `--console=${machine.at('console')}`));
  await machine.says(waiting, /The boot is held; the next try is in/);
  await symlink(await disks.disk(), LATE);
  const { code, text } = await waiting.ended;
  t.is(code, 0, text);
  t.truthy(await machine.mountAt('app'));
  t.regex(await readFile(machine.at('console'), 'utf8'), /dm-linuxkit: ready: app at .*\/app\n$/);
  t.like(await readStatus(STATUS_FILES.oneshot), { state: 'ready', code: '', message: '' });
});

test.serial(
  'a daemon that shall wait starts when its disk comes, and ends at once with what can not pass',
  async t => {
    t.is((await machine.stop('--export')).code, 0);
    const disk = await realpath(LATE);
    await rm(LATE);
    const daemon = ['--daemon', `--listen=127.0.0.1:${machine.port}`];
    const once = await machine.start(step(...daemon)).ended;
    t.is(once.code, 3, once.text);
    const wrong = await machine.start(
      step('--on-failure=wait', ...daemon, `--seed-file=${machine.at('none')}`),
    ).ended;
    t.is(wrong.code, 2, wrong.text);
    const waiting = machine.start(step('--on-failure=wait', ...daemon));
    await machine.says(waiting, /dm-linuxkit: The next try is in/);
    await symlink(disk, LATE);
    await machine.says(waiting, /Ready: /);
    t.like(await readStatus(STATUS_FILES.daemon), { state: 'serving', code: '' });
    t.is((await machine.stop()).code, 0);
    t.is((await waiting.ended).code, 0);
  },
);

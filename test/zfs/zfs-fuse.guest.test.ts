// A machine without /dev/zfs: dm-linuxkit starts zfs-fuse itself, one only. And a ZFS whose files hang while its commands
// answer: made by taking the kernel's requests away from zfs-fuse. In a guest, where nobody else has pools in it.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../../src/lib/retry.ts';
import { mountTable } from '../../src/system/mount-table.ts';
import { Machine, PATIENCE_MS } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';

/** The host's programs, which the guest's OpenZFS hides. */
const HOST = '/run/host-usr';
const within = { deadlineMs: PATIENCE_MS };
const hasZfsFuse = existsSync('/usr/sbin/zfs-fuse');
const fuseTest = hasZfsFuse ? test.serial : test.serial.skip;

let machine: Machine;
/** Each with a process group of its own. */
const takers: ChildProcess[] = [];

const dot = (name: string) => [`--dot=${name}`, `--mountpoint=${machine.at(name)}`];
const daemons = async () => (await sh('pgrep', '-x', 'zfs-fuse').catch(() => '')).split('\n').filter(Boolean);

test.before(async () => {
  await sh('modprobe', 'fuse');
  await mkdir(HOST, { recursive: true });
  await sh('mount', '-t', 'hostfs', 'none', '-o', '/usr', HOST);
  await rename('/dev/zfs', '/dev/zfs-away');
  // The host's pools are not ours.
  await rm('/var/lib/zfs/zpool.cache', { force: true });
  process.env['PATH'] = `${HOST}/sbin:${process.env['PATH']}`;
  machine = await Machine.make('fuse');
});

test.after.always(async () => {
  await endZfsFuse();
  for (const { mountpoint } of (await mountTable()).filter(({ type }) => type === 'fuse.zfs').reverse())
    await sh('umount', mountpoint);
  await rename('/dev/zfs-away', '/dev/zfs');
});

/** And whoever has its descriptors: with the last of them the kernel gives up what waits for an answer. */
async function endZfsFuse(): Promise<void> {
  for (const { pid } of takers.splice(0)) if (pid) process.kill(-pid, 'SIGKILL');
  for (const pid of await daemons()) process.kill(Number(pid), 'SIGKILL');
  if (!(await until(async () => (await daemons()).length === 0, within)))
    throw new Error('zfs-fuse does not end');
}

fuseTest('never inside a container: the daemon would end with it', async t => {
  const program = [process.execPath, join(process.env['DM_DIST'] ?? 'dist', 'dm-linuxkit')];
  const args = [...machine.flags, ...dot('a')].join(' ');
  const { stdout } = await unshared(`${program.join(' ')} ${args} 2>&1; echo code $?`);
  t.regex(stdout, /This machine has no ZFS: there is no \/dev\/zfs, and this is a container/);
  t.regex(stdout, /code 12/);
  t.deepEqual(await daemons(), []);
});

async function unshared(command: string): Promise<{ stdout: string }> {
  return { stdout: await sh('unshare', '--mount', 'sh', '-c', command) };
}

fuseTest(
  'without /dev/zfs two runs at once start one zfs-fuse, say what it is for, and both go on',
  async t => {
    const runs = [
      machine.start([...machine.flags, ...dot('a')]),
      machine.start([...machine.flags, ...dot('b')]),
    ];
    const ends = await Promise.all(runs.map(run => run.ended));
    for (const { code, text } of ends) t.is(code, 0, text);
    t.regex(ends.map(({ text }) => text).join(''), /starting zfs-fuse, which is for trying out/);
    t.is((await daemons()).length, 1);
    for (const name of ['a', 'b']) t.is((await machine.mountAt(name))?.type, 'fuse.zfs');
  },
);

fuseTest('a ZFS whose files hang while its commands answer is named, and nobody waits for ever', async t => {
  const daemon = await machine.daemon();
  t.notRegex(daemon.text(), /starting zfs-fuse/);
  const [zfsFuse = ''] = await daemons();
  await takeRequests(zfsFuse);
  await hangFiles(machine.stateDirectory);
  t.is(await sh('zpool', 'list', '-H', '-o', 'name'), machine.pool, 'its commands answer');

  for (const run of [machine.start([...machine.flags, ...dot('a')]), machine.start(stopping())]) {
    const { code, text } = await run.ended;
    t.is(code, 12, text);
    t.regex(text, /ZFS hangs: no file operation in \S+ ends/);
    t.regex(text, /Restart zfs-fuse, or the machine/);
  }
  await machine.says(daemon, /error: ZFS hangs: a file of the pool has given no answer for many seconds/);
  daemon.child.kill('SIGTERM');
  t.true(await until(() => daemon.child.exitCode !== null, within), daemon.text());

  // Ending zfs-fuse frees what hangs; the next run begins anew.
  await endZfsFuse();
  const { code, text } = await machine.run(...dot('a'));
  t.is(code, 0, text);
  await writeFile(machine.at('a/file'), 'x');
  const stopped = await machine.stop('--export');
  t.is(stopped.code, 0, stopped.text);
});

const stopping = () => ['stop', `--pool-name=${machine.pool}`];

/** Reads the kernel's file requests from the descriptors of zfs-fuse (pidfd_getfd(2)), and never answers. */
async function takeRequests(pid: string): Promise<void> {
  const script = `
    my $pid = 0 + shift; my $pidfd = syscall(434, $pid, 0); die "pidfd_open: $!" if $pidfd < 0;
    for my $link (glob "/proc/$pid/fd/*") {
      next unless readlink($link) eq "/dev/fuse";
      my ($n) = $link =~ m{(\\d+)$};
      my $fd = syscall(438, $pidfd, $n + 0, 0); die "pidfd_getfd: $!" if $fd < 0;
      next if fork;
      open my $fuse, "+<&=", $fd or die $!;
      while (1) { select(undef, undef, undef, 0.0005) unless sysread $fuse, my $request, 1 << 20 }
    }
    print "ready\\n"; $| = 1; print ""; sleep 1 while 1;`;
  const child = spawn('perl', ['-e', script, pid], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  takers.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += String(chunk)));
  if (
    !(await until(() => said.includes('ready') || child.exitCode !== null, within)) ||
    child.exitCode !== null
  )
    throw new Error(`no requests are taken: ${said}`);
}

/** Until a program that makes a file there waits for the answer with the directory locked: from then on all do. */
async function hangFiles(directory: string): Promise<void> {
  const hangs = async () => {
    const child = spawn('mktemp', [join(directory, '.test.XXXXXX')], { stdio: 'ignore' });
    await until(() => child.exitCode !== null, { deadlineMs: 15_000 });
    return child.exitCode === null;
  };
  const two = async () => (await hangs()) && (await hangs());
  if (!(await until(two, within))) throw new Error('the files do not hang');
}

// Until a dot is mounted nobody writes into its mountpoint, on a filesystem with the immutable attribute (ext4) and on
// one without (ramfs); and what was closed never stands in the way of a dot.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readStatus, STATUS_FILES } from '../../src/provision/status.ts';
import { isCover } from '../../src/system/cover.ts';
import { isImmutable } from '../../src/system/immutable.ts';
import { mountTable } from '../../src/system/mount-table.ts';
import { DIST, type Ended, Machine } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';

let machine: Machine;
/** Directories for mountpoints, on the one kind of filesystem and on the other. */
const grounds: Record<'ext4' | 'ramfs', string> = { ext4: '', ramfs: '' };

test.before(async () => {
  machine = await Machine.make('guard');
  grounds.ramfs = await mkdtemp(join(tmpdir(), 'ramfs-'));
  grounds.ext4 = await mkdtemp(join(tmpdir(), 'ext4-'));
  const image = `${grounds.ext4}.img`;
  await sh('truncate', '-s', '64M', image);
  await sh('mkfs.ext4', '-q', '-F', image);
  await sh('mount', '-o', 'loop', image, grounds.ext4);
  await sh('mount', '-t', 'ramfs', 'ramfs', grounds.ramfs);
  for (const ground of Object.values(grounds)) await sh('mount', '--make-shared', ground);
});
test.after.always(async () => {
  await machine.clear();
  for (const ground of Object.values(grounds)) {
    await sh('umount', ground);
    await rmdir(ground);
  }
  await rm(`${grounds.ext4}.img`);
});

const GROUNDS = ['ext4', 'ramfs'] as const;
const NO_DISK = () => [
  '--storage-device=/dev/no-such-disk',
  '--wait-device=0',
  `--pool-name=${machine.pool}`,
];
const fails = async (t: ExecutionContext, code: number, ...args: string[]) => {
  const ended = await machine.start(args).ended;
  t.is(ended.code, code, ended.text);
  return ended.text;
};
const succeeds = async (t: ExecutionContext, ...args: string[]) => {
  const ended = await machine.run(...args);
  t.is(ended.code, 0, ended.text);
};
const stops = async (t: ExecutionContext) => {
  const { code, text } = await machine.stop();
  t.is(code, 0, text);
};
const mountAt = async (path: string) => (await mountTable()).findLast(mount => mount.mountpoint === path);

/** Root may not write there. */
const isClosed = async (t: ExecutionContext, path: string) => {
  const error = await t.throwsAsync(writeFile(join(path, 'file'), ''), undefined, path);
  t.regex(String(error), /EPERM|EROFS|ENOSPC/);
};
const isOpen = async (t: ExecutionContext, path: string) => {
  await t.notThrowsAsync(writeFile(join(path, 'file'), ''));
  await rm(join(path, 'file'));
};
/** As after a power cut on a root that stays: /run is empty. */
const loseRecord = () => rm(machine.paths.guards, { force: true });

test.serial(
  'a run that fails at once has closed the mountpoint, twice is like once, and stop opens it',
  async t => {
    for (const ground of GROUNDS) {
      const at = join(grounds[ground], 'a/pg');
      const dot = ['--dot=pg', `--mountpoint=${at}`];
      const text = await fails(
        t,
        2,
        ...machine.flags,
        ...dot,
        '--seed=hub/joe/pg',
        '--remote-username=joe',
        '--remote-apikey=k',
      );
      t.regex(text, /stays closed until its dot is mounted/);
      await isClosed(t, at);
      t.is(await isImmutable(at), ground === 'ext4');
      await fails(t, 3, ...NO_DISK(), ...dot);
      t.is((await mountTable()).filter(mount => mount.mountpoint === at).length, ground === 'ext4' ? 0 : 1);
      await stops(t);
      await isOpen(t, at);
      t.is((await stat(at)).mode & 0o7777, 0o755);
      t.is((await stat(join(at, '..'))).mode & 0o7777, 0o755);
    }
  },
);

/** The program as root without these capabilities. */
async function without(capabilities: readonly string[], ...args: string[]): Promise<Ended> {
  const dropped = capabilities.map(name => `-${name}`).join(',');
  const setpriv = ['--bounding-set', dropped, '--inh-caps', dropped, '--', process.execPath];
  return machine.startProgram('setpriv', [...setpriv, join(DIST, 'dm-linuxkit'), ...NO_DISK(), ...args])
    .ended;
}

test.serial(
  'a mountpoint that can not be closed ends the run, and none is left open that was not there',
  async t => {
    const at = join(grounds.ext4, 'bare/pg');
    const dot = ['--dot=pg', `--mountpoint=${at}`];
    const covered = await without(['linux_immutable'], ...dot);
    t.is(covered.code, 3, covered.text);
    t.true(isCover((await mountAt(at)) ?? { source: '', type: '' }));
    await stops(t);
    await rm(dirname(at), { recursive: true });

    for (const isThere of [false, true]) {
      if (isThere) await mkdir(at, { recursive: true });
      const open = await without(['linux_immutable', 'sys_admin'], ...dot);
      t.is(open.code, 7, open.text);
      t.regex(open.text, /pg can not be closed to writers until its dot is mounted: .*CAP_LINUX_IMMUTABLE/s);
      t.like(await readStatus(STATUS_FILES.oneshot), { state: 'failed', code: 'MOUNTPOINT_OPEN' });
      t.is(existsSync(isThere ? at : dirname(at)), isThere);
    }
    await stops(t);
  },
);

test.serial('the dot takes the place of what was closed; below it stays closed until stop', async t => {
  for (const ground of GROUNDS) {
    const at = join(grounds[ground], 'b');
    await fails(t, 3, ...NO_DISK(), `--dot=${ground}`, `--mountpoint=${at}`);
    await succeeds(t, `--dot=${ground}`, `--mountpoint=${at}`);
    t.regex((await mountAt(at))?.source ?? '', new RegExp(`^${machine.pool}/dmfs/`));
    await isOpen(t, at);
    const text = await fails(t, 2, '--what', ...machine.flags, `--dot=${ground}`, `--mountpoint=${at}`);
    t.notRegex(text, /stays closed/);
    const status = await readStatus(STATUS_FILES.oneshot);
    t.like(status, { state: 'failed', code: 'UNKNOWN_FLAG' });
    t.is(status?.mounts.find(mount => mount.mountpoint === at)?.state, 'mounted', 'it is there all the same');
    await sh('umount', at);
    await isClosed(t, at);
    await succeeds(t, `--dot=${ground}`, `--mountpoint=${at}`);
    await loseRecord();
    await stops(t);
    await isOpen(t, at);
  }
});

/** A program before those of PATH that tries to write to `at` when something is about to be mounted there. */
async function watchfulMount(at: string): Promise<{ env: NodeJS.ProcessEnv; written: string }> {
  const bin = await mkdtemp(join(machine.folder, 'bin-'));
  const path = process.env['PATH'] ?? '';
  const written = join(bin, 'written');
  const script = `#!/bin/sh
for target; do :; done
[ "$target" != '${at}' ] || ! echo x >'${at}/too-early' || echo "$@" >>'${written}'
PATH='${path}' exec mount "$@"
`;
  await writeFile(join(bin, 'mount'), script, { mode: 0o755 });
  return { env: { PATH: `${bin}:${path}` }, written };
}

test.serial(
  'what was closed is not open for a moment when the dot appears, and who has bound it sees the dot',
  async t => {
    for (const ground of GROUNDS) {
      const at = join(grounds[ground], 'moment');
      const dot = ['--dot=moment', `--mountpoint=${at}`];
      await fails(t, 3, ...NO_DISK(), ...dot);
      const place = await mkdtemp(join(machine.folder, 'bound-'));
      const script = `mount --bind '${at}' '${place}' && echo bound && exec sleep 600`;
      const bound = machine.startProgram('unshare', ['-m', '--propagation=slave', 'sh', '-c', script]);
      await machine.says(bound, /bound/);

      const { env, written } = await watchfulMount(at);
      const { code, text } = await machine.start([...machine.flags, ...dot], undefined, env).ended;
      t.is(code, 0, text);
      t.false(existsSync(written), 'somebody could write there');
      const source = (await mountAt(at))?.source;
      const seen = await mountTable(bound.child.pid);
      t.is(seen.findLast(mount => mount.mountpoint === place)?.source, source);
      bound.child.kill();
      await bound.ended;
      await stops(t);
      t.is(await mountAt(at), undefined);
      await isOpen(t, at);
    }
  },
);

test.serial(
  'an outer dot appears although the mountpoint of an inner one was closed in its place',
  async t => {
    for (const ground of GROUNDS) {
      const outer = join(grounds[ground], 'outer');
      const inner = join(outer, 'deep/db');
      await fails(t, 3, ...NO_DISK(), `--dot=${ground}-in`, `--mountpoint=${inner}`);
      await loseRecord();
      await fails(t, 3, ...NO_DISK(), `--dot=${ground}-out`, `--mountpoint=${outer}`);
      t.deepEqual(await readdir(outer), []);
      await isClosed(t, outer);
      await succeeds(t, `--dot=${ground}-out`, `--mountpoint=${outer}`);
      await writeFile(join(outer, 'outside'), '');

      await succeeds(t, `--dot=${ground}-in`, `--mountpoint=${inner}`);
      await writeFile(join(inner, 'inside'), '');
      await stops(t);
      t.deepEqual(await readdir(outer), []);
      await isOpen(t, outer);
    }
  },
);

test.serial(
  'directories that were made and not closed before a power cut make way, others do not',
  async t => {
    const at = join(grounds.ext4, 'cut');
    await mkdir(join(at, 'x/y'), { recursive: true, mode: 0o1700 });
    await fails(t, 3, ...NO_DISK(), '--dot=cut', `--mountpoint=${at}`);
    t.deepEqual(await readdir(at), []);
    const full = join(grounds.ext4, 'full');
    await mkdir(join(full, 'plain'), { recursive: true });
    t.regex(await fails(t, 7, ...NO_DISK(), '--dot=cut', `--mountpoint=${full}`), /holds files/);
    t.deepEqual(await readdir(full), ['plain']);
    await stops(t);
  },
);

test.serial(
  'a daemon closes what it is to mount again, outer ones first, tells what failed, and stop opens all',
  async t => {
    const [outer, inner, lost] = ['outer', 'outer/deep/db', 'lost'].map(name => join(grounds.ext4, name));
    if (!outer || !inner || !lost) return t.fail();
    await succeeds(t, '--dot=app.kept', `--mountpoint=${join(grounds.ext4, 'kept')}`);
    await succeeds(t, '--dot=app.lost', `--mountpoint=${lost}`);
    const source = (await mountAt(lost))?.source ?? '';
    const whole = (await mountTable()).find(mount => mount.source === source && mount.root === '/');
    await sh('umount', lost);
    await rm(join(whole?.mountpoint ?? '', 'lost'), { recursive: true });
    t.is((await machine.stop('--export')).code, 0);
    await loseRecord();

    const daemon = await machine.daemon();
    t.truthy(await mountAt(outer), daemon.text());
    t.deepEqual(await readdir(inner), ['inside']);
    await isClosed(t, lost);
    const status = await readStatus(STATUS_FILES.daemon);
    t.like(status, { state: 'serving', pool: machine.pool, code: '' });
    const stateOf = (path: string) => status?.mounts.find(mount => mount.mountpoint === path)?.state;
    t.deepEqual([outer, inner, lost].map(stateOf), ['mounted', 'mounted', 'failed']);

    const before = await readFile(STATUS_FILES.daemon, 'utf8');
    t.is((await machine.run('--daemon')).code, 9);
    await fails(t, 3, ...NO_DISK(), '--dot=late', `--mountpoint=${join(grounds.ext4, 'late')}`);
    t.is(await readFile(STATUS_FILES.daemon, 'utf8'), before);
    t.like(await readStatus(STATUS_FILES.oneshot), { state: 'failed', code: 'DEVICE_MISSING', dot: 'late' });

    t.is((await machine.stop('--export')).code, 0);
    t.is((await daemon.ended).code, 0);
    t.like(await readStatus(STATUS_FILES.daemon), { state: 'stopped' });
    t.like(await readStatus(STATUS_FILES.oneshot), { state: 'stopped' });
    for (const path of [outer, lost, join(grounds.ext4, 'kept')]) await isOpen(t, path);
  },
);

const unmount = (at: string) => machine.start(['unmount', at, `--pool-name=${machine.pool}`]).ended;

test.serial('what a failed run has closed is opened by unmount, also when nothing records it', async t => {
  for (const ground of GROUNDS) {
    const at = join(grounds[ground], 'given-up');
    const text = await fails(t, 3, ...NO_DISK(), '--dot=gone', `--mountpoint=${at}`);
    t.true(text.includes(`"dm-linuxkit unmount ${at} --pool-name=${machine.pool}" opens it`));
    await loseRecord();
    t.is((await machine.stop()).code, 0);
    await isClosed(t, at);
    const opened = await unmount(at);
    t.is(opened.code, 0, opened.text);
    t.regex(opened.text, /given-up is open\. .* is not imported/);
    await isOpen(t, at);
    t.is((await stat(at)).mode & 0o7777, 0o755);
  }
});

test.serial(
  'a mountpoint that is given up is taken away and opened, and no daemon mounts it again; in use, all stays',
  async t => {
    const [up, kept] = ['up', 'kept'].map(name => join(grounds.ext4, name));
    if (!up || !kept) return t.fail();
    const daemon = await machine.daemon('--dot=up', `--mountpoint=${up}`);
    const user = spawn('sleep', ['600'], { cwd: up, stdio: 'ignore' });
    const gone = once(user, 'exit');
    try {
      const busy = await unmount(up);
      t.is(busy.code, 7, busy.text);
      t.regex(busy.text, new RegExp(`sleep \\(pid ${user.pid}\\)`));
      t.truthy(await mountAt(up));
    } finally {
      user.kill('SIGKILL');
    }
    await gone;
    const first = await unmount(up);
    t.is(first.code, 0, first.text);
    t.is(await mountAt(up), undefined);
    await isOpen(t, up);
    const known = (await readStatus(STATUS_FILES.daemon))?.mounts.map(({ mountpoint }) => mountpoint) ?? [];
    t.deepEqual([known.includes(up), known.includes(kept)], [false, true]);
    t.deepEqual(machine.alive(), ['daemon', 'etcd', 'server']);
    daemon.child.kill('SIGTERM');
    t.is((await daemon.ended).code, 0);

    // By services of its own; and once more, with nothing to do.
    t.truthy(await mountAt(kept));
    for (const _ of ['now', 'again']) {
      const { code, text } = await unmount(kept);
      t.is(code, 0, text);
      t.is(await mountAt(kept), undefined);
      t.deepEqual(machine.alive(), []);
      await isOpen(t, kept);
    }
    const alien = await unmount(grounds.ext4);
    t.is(alien.code, 7, alien.text);
    t.regex(alien.text, /is no dot of the pool/);

    const next = await machine.daemon();
    t.truthy(await mountAt(join(grounds.ext4, 'outer')), next.text());
    t.deepEqual([await mountAt(up), await mountAt(kept)], [undefined, undefined]);
    t.is((await machine.stop('--export')).code, 0);
    t.is((await next.ended).code, 0);
  },
);

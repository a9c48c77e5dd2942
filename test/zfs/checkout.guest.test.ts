// A checkout, as programs on the machine see it: what is mounted shows the branch, in every mount namespace that follows.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../../src/lib/retry.ts';
import { type Mount, mountTable } from '../../src/system/mount-table.ts';
import { Machine, PATIENCE_MS, type Running } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';

let machine: Machine;
let daemon: Running;
/** Even. */
const ROUNDS = process.env['FULL'] ? 50 : 14;
const programs = new Set<ChildProcess>();

test.before(async () => {
  machine = await Machine.make('checkout');
  // As on LinuxKit, where the whole tree is shared.
  await sh('mount', '--make-rshared', '/');
});
test.after.always(async () => {
  for (const program of programs) await end(program);
  await machine.clear();
});

const DOT = { Namespace: 'admin', Name: 'app' };

const checkOut = (Branch: string, Force = false) =>
  machine.asking(client => client.call('Checkout', { ...DOT, Branch, Force }));
const read = (path: string) => readFile(join(path, 'file'), 'utf8');
const layers = async (at: string): Promise<Mount[]> =>
  (await mountTable()).filter(({ mountpoint }) => mountpoint === machine.at(at));

async function start(): Promise<void> {
  daemon = await machine.daemon('--dot=app', `--mountpoint=${machine.at('app')}`);
}

async function end(program: ChildProcess): Promise<void> {
  programs.delete(program);
  if (program.exitCode !== null || program.signalCode !== null) return;
  program.kill('SIGKILL');
  await once(program, 'exit');
}

/** A program in a mount namespace of its own that has bound `source`; gives the path by which we see what it sees. */
async function bound(name: string, source: string, propagation: 'slave' | 'private') {
  const inside = machine.at(`inside-${name}`);
  await mkdir(inside);
  const script = `mount --make-r${propagation} / && mount --rbind "$1" "$2" && mount --make-r${propagation} "$2" && exec sleep 1000000`;
  const program = spawn('unshare', [
    '-m',
    '--propagation',
    'unchanged',
    'sh',
    '-c',
    script,
    'sh',
    source,
    inside,
  ]);
  programs.add(program);
  const isReady = async () => (await readFile(`/proc/${program.pid}/comm`, 'utf8')) === 'sleep\n';
  if (!(await until(isReady, { deadlineMs: PATIENCE_MS }))) throw new Error(`${name} did not start`);
  return { program, sees: join(`/proc/${program.pid}/root`, inside) };
}

test.serial(
  'a mountpoint shows the branch that is checked out, and each keeps what is written on it',
  async t => {
    t.timeout(PATIENCE_MS);
    await start();
    const at = machine.at('app');
    await writeFile(join(at, 'file'), 'of master');
    const SourceCommitId = await machine.asking(client =>
      client.call('Commit', { ...DOT, Branch: '', Message: 'first', Metadata: null }),
    );
    for (const NewBranchName of ['one', 'two']) {
      await machine.asking(client =>
        client.call('Branch', { ...DOT, SourceBranch: 'master', NewBranchName, SourceCommitId }),
      );
    }
    t.deepEqual(await checkOut('one'), { Branch: 'one', Switched: [at], Pinned: [], LeftBehind: [] });
    t.is(await read(at), 'of master');
    await writeFile(join(at, 'file'), 'of one');
    await checkOut('master');
    t.is(await read(at), 'of master');
    await machine.asking(client =>
      client.call('SwitchContainers', { ...DOT, NewBranchName: 'one', Force: false }),
    );
    t.is(await read(at), 'of one');
    await checkOut('two');
    await writeFile(join(at, 'file'), 'of two');
    await checkOut('');
    t.is((await layers('app')).length, 1);
  },
);

test.serial(
  'programs that bound the directory, or one above it, see the branch too; one that follows nobody is named',
  async t => {
    t.timeout(PATIENCE_MS);
    const above = await bound('above', machine.folder, 'slave');
    const exact = await bound('exact', machine.at('app'), 'slave');
    const apart = await bound('apart', machine.at('app'), 'private');
    const { LeftBehind } = await checkOut('one');
    t.is(await read(join(above.sees, 'app')), 'of one');
    t.is(await read(exact.sees), 'of one');
    t.is(await read(apart.sees), 'of master');
    const left = { Pid: apart.program.pid, Command: 'sleep', Mountpoint: machine.at('inside-apart') };
    t.deepEqual(
      LeftBehind.filter(({ Mountpoint }) => Mountpoint === left.Mountpoint),
      [left],
    );
    await end(apart.program);

    for (let round = 0; round < ROUNDS; round++) await checkOut(round % 2 === 0 ? 'two' : 'one');
    t.true((await layers('app')).length <= 2);
    t.is(await read(exact.sees), 'of one');
    t.is(await read(join(above.sees, 'app')), 'of one');
    await end(above.program);
    await end(exact.program);
  },
);

test.serial(
  'a program with a file open is named, and nothing changes; with force it keeps its own file',
  async t => {
    t.timeout(PATIENCE_MS);
    const at = machine.at('app');
    const program = spawn('sleep', ['1000000'], { cwd: at });
    programs.add(program);
    await once(program, 'spawn');
    const refused = await t.throwsAsync(checkOut('two'));
    t.regex(refused?.message ?? '', new RegExp(`${at} is in use by sleep \\(process ${program.pid}\\)`));
    t.is(await read(at), 'of one');
    await checkOut('two', true);
    t.is(await read(at), 'of two');
    t.is(await read(`/proc/${program.pid}/cwd`), 'of one');
    await end(program);
    await checkOut('one');
    t.true((await layers('app')).length <= 2);
  },
);

test.serial('what was made for one branch is pinned to it', async t => {
  t.timeout(PATIENCE_MS);
  for (const branch of ['two', 'master']) {
    const { code, text } = await machine.run(`--dot=app@${branch}`, `--mountpoint=${machine.at(branch)}`);
    t.is(code, 0, text);
  }
  const { Pinned } = await checkOut('master');
  t.deepEqual(Pinned, [machine.at('master'), machine.at('two')]);
  await checkOut('one');
  t.deepEqual(await Promise.all(['app', 'two', 'master'].map(name => read(machine.at(name)))), [
    'of one',
    'of two',
    'of master',
  ]);
});

test.serial('a branch that is checked out is not deleted', async t => {
  t.timeout(PATIENCE_MS);
  await t.throwsAsync(
    machine.asking(client => client.call('DeleteBranch', { ...DOT, Branch: 'one' })),
    { message: /it is checked out/ },
  );
});

test.serial(
  'a subdot that the commit of a rollback does not have is there again, empty, where it is mounted',
  async t => {
    t.timeout(PATIENCE_MS);
    const ref = { ...DOT, Branch: 'one' };
    const SnapshotId = await machine.asking(client =>
      client.call('Commit', { ...ref, Message: 'before the subdot', Metadata: null }),
    );
    const { code, text } = await machine.run('--dot=app.late', `--mountpoint=${machine.at('late')}`);
    t.is(code, 0, text);
    await writeFile(join(machine.at('late'), 'file'), 'of a later time');
    const { Subdots } = await machine.asking(client =>
      client.call('PreviewRollback', { ...ref, SnapshotId }),
    );
    t.deepEqual(Subdots, ['late']);
    await machine.asking(client =>
      client.call('Rollback', { ...ref, SnapshotId, Force: false, IfNothingLost: false }),
    );
    t.deepEqual(await readdir(machine.at('late')), []);
    await writeFile(join(machine.at('late'), 'file'), 'again');
    t.is((await layers('late')).at(-1)?.root, '/late');
    t.is(await read(machine.at('app')), 'of one');
  },
);

test.serial('the choice survives a reboot', async t => {
  t.timeout(PATIENCE_MS);
  const stopped = await machine.stop('--export');
  t.is(stopped.code, 0, stopped.text);
  await daemon.ended;
  await start();
  t.is(await read(machine.at('app')), 'of one');
  t.is((await layers('app')).length, 1);
  await machine.stop('--export');
  const { code, text } = await machine.run('--dot=app', `--mountpoint=${machine.at('app')}`);
  t.is(code, 0, text);
  t.is(await read(machine.at('app')), 'of one');
});

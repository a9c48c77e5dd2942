// A database at work on a dot: every commit made meanwhile, opened as a branch, is a database that starts and adds up.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { serverPrograms } from '../../scripts/lib/postgresql.mjs';
import { until } from '../../src/lib/retry.ts';
import { Machine, PATIENCE_MS } from '../helpers/boot.ts';

const COMMITS = process.env['FULL'] ? 20 : 5;
const DOT = { Namespace: 'admin', Name: 'database' };
/** Debian's package makes the user: PostgreSQL does not run as root. */
const user = { uid: idOf('-u'), gid: idOf('-g') };
const programs = serverPrograms() ?? '';

let machine: Machine;
/** Every directory above the data must let the user pass. */
let folder: string;

test.before(async () => {
  machine = await Machine.make('database');
  folder = await mkdtemp('/var/tmp/dm-database-');
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'sockets'), { mode: 0o700 });
  await chown(join(folder, 'sockets'), user.uid, user.gid);
});
test.after.always(async () => {
  await machine.clear();
  await rm(folder, { recursive: true, force: true });
});

function idOf(flag: string): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

const at = (name: string) => join(folder, name);
const postgres = (program: string, ...args: string[]) =>
  execFileSync(join(programs, program), args, {
    ...user,
    cwd: '/',
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  }).trim();

/** Runs a database on a directory while `work` is done. */
async function serving<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${at('sockets')}`];
  const child = spawn(join(programs, 'postgres'), ['-D', directory, ...settings], {
    ...user,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const isUp = () => succeeds(() => postgres('pg_isready', '-q', '-h', at('sockets')));
    if (!(await until(isUp, { deadlineMs: PATIENCE_MS }))) throw new Error(`no database on ${directory}`);
    return await work();
  } finally {
    await end(child, 'SIGINT');
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

const ask = (query: string) => postgres('psql', '-h', at('sockets'), '-d', 'postgres', '-Atc', query);
/** pgbench changes all four sums by the same amount in one transaction. */
const SUMS = `SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
  (SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history),
  (SELECT count(*) FROM pgbench_history)`;

test.serial('each commit of a PostgreSQL at work is a database that starts, and its sums agree', async t => {
  t.timeout(3 * PATIENCE_MS);
  const owner = [`--owner=${user.uid}:${user.gid}`, '--mode=0700'];
  await machine.daemon('--dot=database', `--mountpoint=${at('live')}`, ...owner);
  postgres('initdb', '-D', at('live'), '-A', 'trust', '--no-sync');
  const commits: string[] = [];
  await serving(at('live'), async () => {
    postgres('pgbench', '-i', '-q', '-h', at('sockets'), 'postgres');
    const load = ['-h', at('sockets'), '-c', '2', '-T', '3600', 'postgres'];
    const bench = spawn(join(programs, 'pgbench'), load, { ...user, cwd: '/', stdio: 'ignore' });
    try {
      for (let made = 0; made < COMMITS; made++) {
        const before = Number(ask('SELECT count(*) FROM pgbench_history'));
        const isBusy = () => Number(ask('SELECT count(*) FROM pgbench_history')) >= before + 20;
        t.truthy(await until(isBusy, { deadlineMs: PATIENCE_MS }), 'the load goes on');
        const params = { ...DOT, Branch: '', Message: `commit ${made}`, Metadata: null };
        commits.push(await machine.asking(client => client.call('Commit', params)));
      }
    } finally {
      await end(bench, 'SIGKILL');
    }
  });

  let transactions = 0;
  for (const [made, SourceCommitId] of commits.entries()) {
    const NewBranchName = `at-${made}`;
    const params = { ...DOT, SourceBranch: 'master', NewBranchName, SourceCommitId };
    await machine.asking(client => client.call('Branch', params));
    const { code, text } = await machine.run(
      `--dot=database@${NewBranchName}`,
      `--mountpoint=${at(NewBranchName)}`,
    );
    t.is(code, 0, text);
    // What a database finds that was cut off: its own lock file.
    await rm(join(at(NewBranchName), 'postmaster.pid'), { force: true });
    await serving(at(NewBranchName), async () => {
      const [accounts, tellers, branches, history, count] = ask(SUMS).split('|');
      t.deepEqual([tellers, branches, history], [accounts, accounts, accounts]);
      t.true(Number(count) >= transactions + 20, 'a later commit has what the one before had, and more');
      transactions = Number(count);
    });
  }
});

#!/usr/bin/env node
// The main job, shown on a file in place of a disk: a dot is made, a real PostgreSQL keeps its data on it, the
// machine is "rebooted", and the data is there. `KEEP=1` leaves the daemon up and says what to try next.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeBin, root } from './lib/paths.mjs';
import { serverPrograms } from './lib/postgresql.mjs';

// The programs begin with `#!/usr/bin/env node`, and the machine's own may be too old for them.
const newerNode = dirname(nodeBin);
process.env.PATH = `${newerNode}${delimiter}${process.env.PATH}`;

const keep = process.env.KEEP === '1';
const folder = mkdtempSync('/var/tmp/dm-demo-');
const pool = `dm-demo-${process.pid}`;
const disk = join(folder, 'disk.img');
const data = join(folder, 'postgres');
const sockets = join(folder, 'socket');
const dist = name => join(root, 'dist', name);
let steps = 0;
let kept = false;

const say = text => console.log(`\n${++steps}. ${text}`);
const detail = text => console.log(`   ${text}`);

/** Runs a program, shows its command line and what it says; an exit code other than 0 ends the demo. */
function run(file, args, options = {}) {
  if (!options.quiet) detail(`$ ${[file.replace(`${root}/`, ''), ...args].join(' ')}`);
  const done = spawnSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    ...options,
  });
  const text = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim();
  if (done.status !== 0) throw new Error(`${file} failed (${done.error?.message ?? done.status}):\n${text}`);
  if (!options.quiet) for (const line of text.split('\n').filter(Boolean)) detail(`  ${line}`);
  return (done.stdout ?? '').trim();
}

/** A TCP port of the loopback that is free now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise(resolve => server.close(resolve));
  return port;
}

function processes(name) {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** PostgreSQL refuses to run as root, so its programs run as the user that Debian's package made for it. */
let user;
const programs = serverPrograms();
const postgres = (name, args, options) => run(join(programs, name), args, { ...user, cwd: '/', ...options });
const log = join(sockets, 'postgres.log');
const start = () =>
  postgres(
    'pg_ctl',
    [
      'start',
      '-w',
      '-D',
      data,
      '-l',
      log,
      '-o',
      `-c listen_addresses= -c unix_socket_directories=${sockets}`,
    ],
    { quiet: true, stdio: 'ignore' },
  );
const stop = () => postgres('pg_ctl', ['stop', '-w', '-m', 'fast', '-D', data], { quiet: true });
const sql = query => postgres('psql', ['-h', sockets, '-d', 'postgres', '-Atc', query]);

const port = await freePort();
const common = [
  `--storage-device=${disk}`,
  '--storage-size=1G',
  `--pool-name=${pool}`,
  `--listen=127.0.0.1:${port}`,
];
const zfsFuseBefore = processes('zfs-fuse');

async function main() {
  console.log('dm-linuxkit: a bare disk becomes a dot with a database on it.');
  if (programs === undefined) throw new Error('PostgreSQL is not installed: there is no initdb.');
  const idOf = flag => Number(run('id', [flag, 'postgres'], { quiet: true }));
  user = { uid: idOf('-u'), gid: idOf('-g') };
  const dot = ['--dot=postgres', `--mountpoint=${data}`, `--owner=${user.uid}:${user.gid}`, '--mode=0700'];
  const provision = [...common, ...dot];
  execFileSync('chmod', ['0755', folder]);
  execFileSync('install', ['-d', '-o', String(user.uid), '-g', String(user.gid), '-m', '0700', sockets]);

  say(
    'A blank disk (here: a file). dm-linuxkit makes a pool on it, starts etcd and the server, makes the dot, mounts it, leaves.',
  );
  run(dist('dm-linuxkit'), provision);

  say('PostgreSQL makes its database on the dot and answers a query.');
  postgres('initdb', ['-D', data, '-A', 'trust'], { quiet: true });
  start();
  sql("CREATE TABLE notes (line text); INSERT INTO notes VALUES ('written before the reboot');");
  detail(`→ ${sql('SELECT line FROM notes;')}`);
  stop();

  say('"Reboot": everything stops, the pool is exported; the directory is empty again.');
  run(dist('dm-linuxkit'), ['stop', '--export', `--pool-name=${pool}`]);
  if (existsSync(join(data, 'PG_VERSION')))
    throw new Error('the data is still there after the export: nothing was unmounted');

  say('The same command at the next boot: the pool is found, the dot is kept, nothing is made again.');
  run(dist('dm-linuxkit'), provision);

  say('PostgreSQL starts on what it wrote before.');
  start();
  const line = sql('SELECT line FROM notes;');
  stop();
  if (line !== 'written before the reboot') throw new Error(`the row is not there: ${line}`);

  if (keep) await leaveDaemon();
  console.log(`\nThe data survived. ${kept ? '' : 'Nothing is left behind.'}`);
}

/** `KEEP=1`: the daemon goes on without us. */
async function leaveDaemon() {
  say('KEEP=1: the daemon stays up.');
  const file = openSync(join(folder, 'daemon.log'), 'a');
  const child = spawn(dist('dm-linuxkit'), [...common, '--daemon'], {
    detached: true,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  child.unref();
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  const deadline = Date.now() + 60_000;
  while (!(await answers())) {
    if (ended || Date.now() > deadline)
      throw new Error(`the daemon did not come up, see ${join(folder, 'daemon.log')}`);
    await delay(50);
  }
  kept = true;
  const key = execFileSync(
    'find',
    ['/var/dotmesh/mnt/dotmesh-etcd', '-path', `*${pool}*`, '-name', 'admin-api-key'],
    { encoding: 'utf8' },
  ).trim();
  console.log(`
Try next:
   export PATH=${newerNode}:$PATH        # Node 24, for the programs in dist/
   dist/dm remote add local admin@127.0.0.1:${port} < ${key}
   dist/dm list
   dist/dm-linuxkit ${[...common, '--dot=redis', `--mountpoint=${folder}/redis`].join(' ')}
   ls ${data}
And when you have seen enough:
   dist/dm-linuxkit stop --export --pool-name=${pool} && rm -r ${folder}`);
}

/** The server answers on its port. */
async function answers() {
  try {
    return (await fetch(`http://127.0.0.1:${port}/check`)).ok;
  } catch {
    return false;
  }
}

/** Takes back whatever the demo made, however far it came. */
function cleanUp() {
  if (existsSync(join(data, 'postmaster.pid')))
    spawnSync(join(programs, 'pg_ctl'), ['stop', '-m', 'immediate', '-D', data], {
      ...user,
      cwd: '/',
    });
  const stopped = spawnSync(dist('dm-linuxkit'), ['stop', '--export', `--pool-name=${pool}`], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (stopped.status === 0)
    for (const made of [folder, `/run/dotmesh/${pool}`, `/run/dotmesh/.locks/${pool}`])
      rmSync(made, { recursive: true, force: true });
  else
    console.error(`not everything could be taken back, ${folder} stays:\n${stopped.stdout}${stopped.stderr}`);
  for (const pid of processes('zfs-fuse').filter(pid => !zfsFuseBefore.includes(pid)))
    process.kill(pid, 'SIGTERM');
}

try {
  await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  if (!kept) cleanUp();
}

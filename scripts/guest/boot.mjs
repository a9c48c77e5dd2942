// Boots a guest that runs one command as root on the kernel's OpenZFS, and leaves with its exit status.
// Usage: node scripts/guest/boot.mjs [--share=FOLDER] [--cpu=N] [--mem=2000M] [--deadline=SECONDS] [--hostid=HEX]
//          [--disk=IMAGE]… [--env=NAME=VALUE]… COMMAND
// The guest sees the host's files; what it writes stays in its memory, but for FOLDER. Disks are /dev/ubda, ubdb, …
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeBin } from '../lib/paths.mjs';
import { Failure, main } from '../lib/run.mjs';
import { ensureGuest } from './build.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const init = join(here, 'init.sh');
const quote = text => `'${String(text).replaceAll("'", "'\\''")}'`;
const running = new Set(); // process groups, ended with us
process.on('exit', () => {
  for (const pid of running) killGroup(pid);
});

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    /* gone already */
  }
}

/** The guest's memory is a file: in memory itself where there is room, since pages written to a disk cost dearly. */
function memoryFolder(mem, fallback) {
  const { bavail, bsize } = existsSync('/dev/shm') ? statfsSync('/dev/shm') : { bavail: 0, bsize: 0 };
  return bavail * bsize > Number.parseInt(mem, 10) * 2 ** 20 ? '/dev/shm' : fallback;
}

/** See boot.d.mts for what the options mean. */
export function boot({
  share,
  command,
  env = {},
  disks = [],
  cpu = 0,
  mem = '2000M',
  deadlineMs = 0,
  hostid,
  onConsole,
}) {
  const kit = process.env.DM_GUEST || ensureGuest();
  const own = join(share, '.guest');
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  const id = hostid ? Buffer.from(hostid, 'hex').reverse() : randomBytes(4);
  if (id.length !== 4) throw new Failure('hostid: eight hexadecimal digits are wanted');
  writeFileSync(join(own, 'hostid'), id);
  // V8's background compiler takes the guest's one CPU from whoever waits for it. NODE_OPTIONS refuses the flag, and
  // as an argument it would be handed on to worker threads, which refuse it too: hence a module that sets it.
  const flags = join(own, 'node-flags.cjs');
  writeFileSync(flags, "require('node:v8').setFlagsFromString('--no-concurrent-recompilation');\n");
  const variables = {
    HOME: '/root',
    LANG: 'C.UTF-8',
    TMPDIR: '/run/test',
    DM_NODE: nodeBin,
    NODE_OPTIONS: `--require=${flags}`,
    ZFS_VDEV_DEVID_OPT_OUT: 'YES',
    ...env,
  };
  const exports = Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
  writeFileSync(
    join(own, 'job'),
    `unset guest_kit guest_share modules version mem uml_dir selinux\nPATH=${quote(dirname(nodeBin))}:$PATH\n${exports}cd ${quote(process.cwd())}\n${command}\n`,
  );

  // Pinned: the guest has one CPU, and a process that moves between two is three times slower. No core file: a panic
  // ends in abort(3).
  const argv = [
    '--core=0',
    'taskset',
    '-c',
    String(cpu),
    join(kit, 'linux.uml'),
    `mem=${mem}`,
    'rootfstype=hostfs',
    'rootflags=/',
    'ro',
    `init=${init}`,
    'con=null',
    'con0=null,fd:1',
    'umid=guest',
    `uml_dir=${own}`,
    'quiet',
    'loglevel=3',
    'selinux=0',
    'oops=panic',
    'spl.spl_panic_halt=1', // a failed assertion in OpenZFS would only stop its thread, and the test would hang
    `guest_kit=${kit}`,
    `guest_share=${share}`,
    ...disks.map((path, index) => `ubd${index}=${path}`),
  ];
  const child = spawn('prlimit', argv, {
    detached: true, // a process group of its own, so that killing it takes all of the guest's processes
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: memoryFolder(mem, share) },
  });
  const pid = child.pid ?? 0;
  // No guest outlives a caller that was killed: then the guard's input ends, and it ends the group. (A signal on
  // parent death would reach the first of UML's processes only.)
  const guard = spawn('sh', ['-c', 'read -r _; kill -KILL "-$1"', 'guard', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.stdin.on('error', () => {}); // the guard is gone: so is the guest
  running.add(pid);
  let text = '';
  const take = chunk => {
    text += chunk;
    onConsole?.(chunk);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);

  const kill = () => pid && killGroup(pid);
  const done = new Promise(resolve => {
    let late = false;
    const timer = deadlineMs
      ? setTimeout(() => {
          late = true;
          kill();
        }, deadlineMs)
      : undefined;
    child.on('error', error => take(`prlimit: ${error.message}\n`));
    child.on('close', () => {
      clearTimeout(timer);
      kill(); // whatever of the group is still there after a panic
      running.delete(pid);
      guard.kill('SIGKILL');
      const file = join(own, 'status');
      const status = existsSync(file) ? Number(readFileSync(file, 'utf8').trim() || 255) : 255;
      resolve({ status: late ? 124 : status, console: text.replaceAll('\r', ''), late });
    });
  });
  return { pid, kill, done };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const one = { type: 'string' };
    const many = { type: 'string', multiple: true };
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { share: one, cpu: one, mem: one, deadline: one, hostid: one, disk: many, env: many },
    });
    if (positionals.length === 0) throw new Failure('boot: which command shall the guest run?');
    const share = values.share ?? mkdtempSync(join(tmpdir(), 'dm-guest-'));
    if (!values.share) process.on('exit', () => rmSync(share, { recursive: true, force: true }));
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(143)); // see 'exit' above
    const env = Object.fromEntries(
      (values.env ?? []).map(each => [each.split('=')[0], each.slice(each.indexOf('=') + 1)]),
    );
    const guest = boot({
      share,
      command: positionals.join(' '),
      env,
      disks: values.disk,
      cpu: values.cpu,
      mem: values.mem,
      deadlineMs: Number(values.deadline ?? 0) * 1000,
      hostid: values.hostid,
      onConsole: chunk => process.stdout.write(chunk),
    });
    const { status } = await guest.done;
    return status;
  });
}

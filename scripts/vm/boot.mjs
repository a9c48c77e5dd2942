// Boots a machine in QEMU as LinuxKit would boot an image YAML: Debian's kernel, OpenZFS, our image through runc.
// Usage: node scripts/vm/boot.mjs [--disk=IMAGE]… [--data-file=JSON] [--port=N] [--mem=MIB] [--hostid=HEX]
//          [--deadline=SECONDS] [--run=SCRIPT] [YAML]
// YAML is linuxkit-examples/dotmesh.yml when it is not named. A disk that is not there is made, 1 GiB. The console is
// shown; with --run the script runs once all services are started, and the machine ends with its status. Ctrl-C is a
// power cut.
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../lib/paths.mjs';
import { Failure, main, output } from '../lib/run.mjs';
import { bundles } from './bundles.mjs';
import { cpioArchive } from './cpio.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const CONNECT_MS = 60_000;
/** Without what costs an emulator much at every change between user and kernel, and what nothing here is about. */
const CPU = 'max,-la57,-smap,-smep,-pku,-umip,-pcid';
const script = name => readFileSync(join(here, name));

/** The kit's initrd, and behind it what is new in each boot. */
function writeInitrd(path, kit, containers) {
  const job = cpioArchive([
    { path: 'init', data: script('initrd.sh'), mode: 0o755 },
    { path: 'job/init.sh', data: script('init.sh') },
    { path: 'job/shutdown.sh', data: script('shutdown.sh') },
    { path: 'job/metadata.cjs', data: script('metadata.cjs') },
    ...containers.map(({ path: name, data }) => ({ path: `job/containers/${name}`, data })),
  ]);
  writeFileSync(path, Buffer.concat([readFileSync(join(kit, 'initrd.cpio')), job]));
}

/** One file named `config` on a volume without a name. */
function writeCd(path, userdata) {
  const folder = `${path}.d`;
  mkdirSync(folder);
  writeFileSync(join(folder, 'config'), userdata);
  output(['genisoimage', '-quiet', '-rock', '-o', path, folder]);
}

function qemuArguments(options, cd) {
  const { folder, kit, disk, disks = [], sharedDisks = false, hostid, port = 0, mem = 2048 } = options;
  const lock = sharedDisks ? 'off' : 'auto';
  // Nothing is asked to be on the host's disk: what dies is the machine, never the host.
  const blockdev = (id, path, more) =>
    `driver=raw,node-name=${id},file.driver=file,file.filename=${path},cache.no-flush=on${more}`;
  const cmdline = [
    // Guards against a processor that is not there; they double the time of every call into the kernel.
    'mitigations=off',
    'console=ttyS0 quiet loglevel=3 panic=-1 oops=panic spl.spl_panic_halt=1',
    'no_timer_check', // it counts ticks in a loop, and a host that is busy gives none in time
    ...(hostid ? [`spl.spl_hostid=0x${hostid}`] : []),
  ];
  return [
    ...['-accel', 'tcg,thread=multi', '-machine', 'q35', '-cpu', CPU, '-smp', '2', '-m', String(mem)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', join(kit, 'vmlinuz'), '-initrd', join(folder, 'initrd'), '-append', cmdline.join(' ')],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-qmp', `unix:${folder}/qmp,server=on,wait=off`],
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=line,path=${folder}/line,server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=line,name=line'],
    ...['-blockdev', blockdev('root', disk, ',read-only=on'), '-device', 'virtio-blk-pci,drive=root'],
    ...['-device', 'virtio-scsi-pci,id=scsi'],
    ...disks.flatMap((path, index) => [
      ...['-blockdev', blockdev(`disk${index}`, path, `,file.locking=${lock}`)],
      ...['-device', `scsi-hd,bus=scsi.0,drive=disk${index},scsi-id=${index + 1}`],
    ]),
    ...(cd
      ? ['-blockdev', blockdev('cd', cd, ',read-only=on'), '-device', 'scsi-cd,bus=scsi.0,drive=cd,scsi-id=0']
      : []),
    ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:32607`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile='],
    // With busybox and no device manager nothing else feeds it, and node waits for it.
    ...['-device', 'virtio-rng-pci'],
  ];
}

/** The other end of a socket that QEMU makes, once it is there; `isOver` ends the waiting. */
async function dial(path, isOver) {
  const deadline = Date.now() + CONNECT_MS;
  for (;;) {
    const socket = connect(path);
    const open = await new Promise(resolve => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (open) return socket;
    if (isOver() || Date.now() > deadline) throw new Failure('The machine can not be reached.');
    await pause(20);
  }
}

/** Splits what comes into lines. */
function onLines(stream, take) {
  let rest = '';
  stream.setEncoding('utf8').on('data', chunk => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}

/** Questions to the machine and their answers, by number. `fail` ends all that are open. */
function correspondence() {
  const open = new Map();
  let last = 0;
  let ended;
  return {
    ask: send => {
      if (ended) return Promise.reject(ended);
      const id = ++last;
      return new Promise((resolve, reject) => {
        open.set(id, { resolve, reject });
        send(id).catch(reject);
      });
    },
    answer: (id, value) => {
      open.get(id)?.resolve(value);
      open.delete(id);
    },
    fail: error => {
      ended = error;
      for (const { reject } of open.values()) reject(error);
      open.clear();
    },
  };
}

/** See boot.d.mts for what the options mean. */
export function boot(options) {
  const { folder, userdata, deadlineMs = 0, onConsole } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeInitrd(join(folder, 'initrd'), options.kit, options.containers);
  const cd = userdata === undefined ? undefined : join(folder, 'cd.iso');
  if (cd) writeCd(cd, userdata);
  // The kernel ends it with us, whatever happens to us.
  const argv = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...qemuArguments(options, cd)];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let over = false;
  const take = chunk => {
    const clean = chunk.replaceAll('\r', '');
    text += clean;
    appendFileSync(join(folder, 'console'), clean); // for whoever looks on
    onConsole?.(clean);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  const kill = () => {
    if (!over) child.kill('SIGKILL');
  };

  const calls = correspondence();
  const line = dial(join(folder, 'line'), () => over).then(socket => {
    socket.on('error', () => {}); // QEMU has ended; `done` tells.
    onLines(socket, answer => {
      const [id, status, encoded = ''] = answer.split(' ');
      calls.answer(Number(id), { status: Number(status), text: Buffer.from(encoded, 'base64').toString() });
    });
    return socket;
  });
  line.catch(() => {}); // whoever asks gets it
  const commands = correspondence();
  const control = dial(join(folder, 'qmp'), () => over).then(socket => {
    socket.on('error', () => {});
    onLines(socket, answer => {
      const { id, return: value, error } = JSON.parse(answer);
      if (id !== undefined) commands.answer(id, error ? { error } : { value });
    });
    socket.write('{"execute":"qmp_capabilities"}\n');
    return socket;
  });
  control.catch(() => {});

  const done = new Promise(resolve => {
    let late = false;
    const timer = deadlineMs
      ? setTimeout(() => {
          late = true;
          kill();
        }, deadlineMs)
      : undefined;
    child.on('error', error => take(`setpriv: ${error.message}\n`));
    child.on('close', () => {
      clearTimeout(timer);
      over = true;
      for (const each of [calls, commands]) each.fail(new Failure(`The machine has ended.\n${tail(text)}`));
      for (const each of [line, control]) each.then(socket => socket.destroy()).catch(() => {});
      resolve({ console: text, late });
    });
  });
  const qmp = async (execute, args = {}) => {
    const { value, error } = await commands.ask(async id => {
      (await control).write(`${JSON.stringify({ execute, arguments: args, id })}\n`);
    });
    if (error) throw new Failure(`${execute}: ${error.desc}`);
    return value;
  };
  return {
    pid: child.pid ?? 0,
    console: () => text,
    run: body =>
      calls.ask(async id => {
        (await line).write(`${id} ${Buffer.from(body).toString('base64')}\n`);
      }),
    qmp,
    port: async () => {
      const table = await qmp('human-monitor-command', { 'command-line': 'info usernet' });
      return Number(/TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(table)?.[1]);
    },
    kill,
    done,
  };
}

const tail = text => text.split('\n').slice(-40).join('\n');

async function byHand() {
  const one = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ disk: { type: 'string', multiple: true }, 'data-file': one, port: one, mem: one },
      ...{ hostid: one, deadline: one, run: one },
    },
  });
  const { setup } = await import('../setup.mjs');
  setup('vm');
  const { prepareMachine } = await import('./prepare.mjs');
  const { parse } = await import('yaml');
  const { kit, disk, image } = await prepareMachine();
  const folder = mkdtempSync(join(tmpdir(), 'dm-vm-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(143));
  for (const path of values.disk ?? []) {
    if (existsSync(path)) continue;
    writeFileSync(path, '');
    truncateSync(path, 2 ** 30);
  }
  const yaml = positionals[0] ?? join(root, 'linuxkit-examples/dotmesh.yml');
  const machine = boot({
    folder: join(folder, 'vm'),
    ...{ kit, disk, disks: values.disk },
    containers: bundles(parse(readFileSync(yaml, 'utf8')), image),
    userdata: values['data-file'] && readFileSync(values['data-file'], 'utf8'),
    ...{ hostid: values.hostid, port: Number(values.port ?? 0), mem: Number(values.mem ?? 2048) },
    deadlineMs: Number(values.deadline ?? 0) * 1000,
    onConsole: chunk => process.stdout.write(chunk),
  });
  if (values.run === undefined) {
    await machine.done;
    return 0;
  }
  while (!/^@booted /m.test(machine.console())) {
    if (await Promise.race([machine.done, pause(100)])) return 1;
  }
  const { status, text } = await machine.run(values.run);
  process.stdout.write(text);
  machine.kill();
  await machine.done;
  return status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(byHand);

// The image outside of LinuxKit's own order: as an init container of a pod, and as a service that is all there is.
import test from 'ava';
import { podEntries } from '../helpers/pod.ts';
import { Bench, type Entry, example, PATIENCE_MS, type Vm } from '../helpers/vm.ts';

let bench: Bench;
let disk: string;
let vm: Vm;
test.before(async () => {
  bench = await Bench.make('containers');
  disk = await bench.disk('pool');
});
test.after.always(() => bench.clear());

/** It says that it has written when that would outlive a power cut. */
const APPLICATION =
  'cd /srv/dots/postgres && echo "of $(id -u)" >>file && sync; echo "written: $?"; exec sleep 1000000';

/** The examples' own steps up to the module. */
const before = () => example('dotmesh.yml').onboot.filter(({ name }) => name !== 'dotmesh-init');

/** The disk has another name here, and everything else of the pod stays as it stands. */
function onDisk(entry: Entry, device: string): Entry {
  const isDisk = (word: string) => word.startsWith('--storage-device=');
  if (!entry.command?.some(isDisk)) throw new Error(`${entry.name} names no disk`);
  return {
    ...entry,
    command: entry.command.map(word => (isDisk(word) ? `--storage-device=${device}` : word)),
  };
}

test.serial(
  'an init container mounts the dot, and the application beside it, in a mount namespace of its own, has it',
  async t => {
    t.timeout(2 * PATIENCE_MS);
    const { init, applications, folders } = podEntries('pod.yml');
    const onNode = init.map(entry => onDisk(entry, '/dev/sda'));
    const steps = before();
    const node = `mount -t tmpfs -o mode=755 tmpfs /srv && mount --make-rshared /srv && mkdir -p ${folders.join(' ')}`;
    vm = await bench.boot({
      yaml: {
        onboot: [...steps, { name: 'node', image: 'linuxkit/sysctl:1' }, ...onNode],
        services: applications.map(entry => ({ ...entry, command: ['/bin/sh', '-c', APPLICATION] })),
      },
      more: [{ path: `onboot/00${steps.length}-node/stand-in`, data: node }],
      disks: [disk],
    });
    await vm.booted();
    t.is(vm.codeOf('dot'), 0, vm.console());
    t.is(await vm.eventually('grep written: /var/log/postgres.out.log'), 'written: 0');
    t.regex(await vm.exec('postgres', 'cat /proc/mounts'), / \/srv\/dots\/postgres zfs rw/);
    t.is(await vm.sh('cat /srv/dots/postgres/file'), 'of 999');
    t.is(await vm.sh('pidof etcd || echo none'), 'none', 'the init container has left nothing that runs');
  },
);

test.serial(
  'a service with nothing but a command makes, mounts and serves: the label brings the rest',
  async t => {
    t.timeout(2 * PATIENCE_MS);
    await vm.cut();
    const service: Entry = {
      name: 'dotmesh',
      image: '@pkg:..',
      command: [
        ...['/usr/bin/dm-linuxkit', '--storage-device=/dev/sda', '--dot=postgres', '--console=/dev/console'],
        ...['--mountpoint=/var/lib/elsewhere', '--daemon'],
      ],
    };
    vm = await bench.boot({ yaml: { onboot: before(), services: [service] }, disks: [disk] });
    await vm.serves();
    t.regex(await vm.sh('cat /proc/mounts'), / \/var\/lib\/elsewhere zfs rw/);
    t.is(await vm.sh('cat /var/lib/elsewhere/file'), 'of 999');
    t.is((await vm.status('status-daemon.json')).state, 'serving');
  },
);

test.serial('"service stop" kills it: etcd and the server end with it, and the dot stays', async t => {
  t.timeout(PATIENCE_MS);
  t.true(await vm.succeeds('pidof etcd && pidof node'));
  await vm.sh('runc kill dotmesh KILL');
  await vm.eventually('! pidof etcd && ! pidof node');
  t.is(await vm.sh('cat /var/lib/elsewhere/file'), 'of 999');
});

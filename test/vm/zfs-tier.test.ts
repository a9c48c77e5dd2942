// A part of the guest tier once more, the contract of our ZFS driver and with FULL=1 everything about mountpoints: on a
// standard kernel with two CPUs, in a container that has nothing but the label of our image, by the image's own Node
// and ZFS.
import test from 'ava';
import { Bench, type Entry, example, PATIENCE_MS, type Vm } from '../helpers/vm.ts';

const NAMES = ['contract', ...(process.env['FULL'] ? ['mounts'] : [])];
const FILES = NAMES.map(name => `build/test/zfs/${name}.guest.test.js`);
const ENVIRONMENT = {
  TMPDIR: '/var/tmp/tests',
  DM_TEST: 'vm',
  DM_TIER: 'guest',
  DM_ZFS: 'kernel',
  DM_NODE: '/usr/bin/node',
  DM_DIST: '/usr/bin',
  ZFS_VDEV_DEVID_OPT_OUT: 'YES',
};

let bench: Bench;
let vm: Vm;
test.before(async () => {
  bench = await Bench.make('zfs-tier');
});
test.after.always(() => bench.clear());

test.serial('what the guest tier shows holds in a container of the image, on a standard kernel', async t => {
  t.timeout(3 * PATIENCE_MS);
  const tests: Entry = {
    name: 'tests',
    image: '@pkg:..',
    command: ['/bin/sh', '-c', 'exec sleep 1000000'],
  };
  vm = await bench.boot({
    yaml: {
      onboot: example('dotmesh.yml').onboot.filter(({ name }) => name !== 'dotmesh-init'),
      services: [tests],
    },
    disks: [await bench.testsDisk()],
    // The contract wants to read it from the label of a pool.
    hostid: '0c0c0c01',
    deadlineMs: 3 * PATIENCE_MS,
  });
  await vm.booted();
  await vm.sh(
    'modprobe loop && mkdir -p /run/repository /var/tmp/tests && mount -t ext4 /dev/sda /run/repository',
  );
  const variables = Object.entries(ENVIRONMENT).map(([name, value]) => `--env ${name}=${value}`);
  // runc's root is a directory of the bundle: no mount namespace can be made in which "/" is a mount.
  const match = "--match='!*stays in the mount namespace of a container*'";
  const ava = `/usr/bin/node node_modules/ava/entrypoints/cli.mjs --tap --serial ${match} ${FILES.join(' ')}`;
  // It takes minutes: its own end is that of the machine.
  const { status, text } = await vm.machine.run(
    `runc exec --cwd /run/repository ${variables.join(' ')} tests ${ava}`,
  );
  t.is(status, 0, text.slice(-6000));
  t.regex(text, /^# pass [1-9]/m);
});

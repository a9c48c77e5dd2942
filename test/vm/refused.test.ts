// Machines whose dot can not be mounted, or not yet: what the application sees then, and what stays untouched.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { digestOf } from '../helpers/digest.ts';
import { application, Bench, example, PATIENCE_MS } from '../helpers/vm.ts';

let bench: Bench;
test.before(async () => {
  bench = await Bench.make('refused');
});
test.after.always(() => bench.clear());

const WRITE = 'echo mine >/data/file; echo "written: $?"; exec sleep 1000000';
const BOUND = { uid: 999, gid: 999, binds: ['/var/lib/data:/data:rw,rslave'] };

test.serial(
  'a disk with a filesystem of somebody else is refused, and not one byte of it changes',
  async t => {
    t.timeout(2 * PATIENCE_MS);
    const disk = await bench.disk('foreign', 256);
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'family-photos', disk]);
    const before = await digestOf(disk);
    const { onboot, services } = example('dotmesh.yml');
    // The example would hold the boot here; this machine goes on, as LinuxKit does.
    const goesOn = onboot.map(entry =>
      entry.name === 'dotmesh-init'
        ? { ...entry, command: entry.command?.filter(word => word !== '--on-failure=wait') }
        : entry,
    );
    const vm = await bench.boot({
      yaml: {
        onboot: goesOn,
        services: [
          ...services,
          application('writer', WRITE, BOUND),
          application('root', WRITE, { binds: BOUND.binds }),
          application('unbound', WRITE, { binds: ['/var/lib/nothing:/data:rw,rslave'] }),
        ],
      },
      disks: [disk],
    });
    await vm.booted();
    t.is(vm.codeOf('dotmesh-init'), 3, vm.console());
    t.regex(vm.console(), /^dm-linuxkit: FAILED \(device\/\w+\): .*\/dev\/sda.*ext4/m);
    t.is((await vm.status()).state, 'failed');

    // The directory is there, since it is closed, and neither of them can begin anew in it.
    for (const name of ['writer', 'root']) {
      t.is(await vm.eventually(`grep written: /var/log/${name}.out.log`), 'written: 1');
      t.regex(await vm.sh(`cat /var/log/${name}.log`), /Read-only|not permitted|denied/);
    }
    t.is(await vm.sh('ls -A /var/lib/data'), '');
    t.regex(vm.console(), /^unbound does not start: .*\/var\/lib\/nothing/m);

    // The service tries the same, with the same result.
    await vm.eventually('grep -q \'"state": "failed"\' /run/dotmesh/status-daemon.json');
    await vm.cut();
    t.is(await digestOf(disk), before);
  },
);

test.serial(
  'a disk that comes when the machine runs already is waited for, behind a closed directory',
  async t => {
    t.timeout(2 * PATIENCE_MS);
    const disk = await bench.disk('late');
    const { onboot } = example('aws.yml');
    const vm = await bench.boot({
      yaml: { onboot, services: [application('writer', WRITE, { binds: BOUND.binds })] },
    });
    // The lock is taken when the directory is closed already.
    await vm.eventually('test -e /run/dotmesh/.locks/dotmesh-pool && test -d /var/lib/data');
    t.false(await vm.succeeds('echo lost >/var/lib/data/file'));
    t.notRegex(vm.console(), /^@booted/m);
    await vm.attach('late', disk);
    await vm.booted();
    t.is(vm.codeOf('dotmesh-init'), 0, vm.console());
    t.is(await vm.eventually('grep written: /var/log/writer.out.log'), 'written: 0');
    t.is(await vm.sh('ls -A /var/lib/data'), 'file');
  },
);

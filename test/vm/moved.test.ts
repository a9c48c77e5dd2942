// One disk and three machines: it is never served by two of them, and follows to the next by itself.
import test from 'ava';
import { Bench, example, PATIENCE_MS, type Vm } from '../helpers/vm.ts';

let bench: Bench;
let disk: string;
let first: Vm;
let second: Vm;
test.before(async () => {
  bench = await Bench.make('moved');
  disk = await bench.disk('pool');
});
test.after.always(() => bench.clear());

/** The example, which holds the boot when it fails, with this one disk. */
const start = (hostid?: string) =>
  bench.boot({
    yaml: example('dotmesh.yml'),
    disks: [disk],
    sharedDisks: true,
    deadlineMs: 3 * PATIENCE_MS,
    ...(hostid ? { hostid } : {}),
  });
/**
 * Writes every second until the machine ends. The daemon's beat is every four, and another machine looks for ten: one
 * beat that comes late on a loaded machine would be enough to miss it.
 */
const keepWriting = (vm: Vm) =>
  vm.sh('(while :; do date >/var/lib/data/.busy; sync; sleep 1; done) </dev/null >/dev/null 2>&1 &');
const IN_USE = /FAILED \(pool\/POOL_FOREIGN\): The pool dotmesh-pool is in use by .* now: \/dev\/sda/;

test.serial(
  'a second machine refuses the disk that a first one serves, and keeps its directory closed',
  async t => {
    t.timeout(3 * PATIENCE_MS);
    first = await start('0a0a0a01');
    await first.serves();
    await first.sh('echo of the first >/var/lib/data/file && sync');
    await keepWriting(first);
    second = await start('0b0b0b02');
    await second.says(IN_USE);
    t.false(await second.succeeds('echo lost >/var/lib/data/file'));
    t.is(
      await second.sh('cat /proc/spl/kstat/zfs/*/state 2>/dev/null; echo end'),
      'end',
      'no pool is imported',
    );
    t.is(await first.sh('cat /var/lib/data/file'), 'of the first');
  },
);

test.serial('once the first is off, the second takes the disk over, without a word from anybody', async t => {
  t.timeout(2 * PATIENCE_MS);
  await first.cut();
  await second.serves();
  t.is(second.codeOf('dotmesh-init'), 0, second.console());
  t.is(await second.sh('cat /var/lib/data/file'), 'of the first');
  await second.sh('echo of the second >>/var/lib/data/file && sync');
});

test.serial('machines without a host id, as LinuxKit has them, are told apart too', async t => {
  t.timeout(3 * PATIENCE_MS);
  await second.cut();
  const third = await start();
  await third.serves();
  await keepWriting(third);
  const fourth = await start();
  await fourth.says(/FAILED \(pool\/POOL_[A-Z]+\): .*dotmesh-pool/);
  t.false(await fourth.succeeds('echo lost >/var/lib/data/file'));
  t.is(await third.sh('cat /var/lib/data/file'), 'of the first\nof the second');
});

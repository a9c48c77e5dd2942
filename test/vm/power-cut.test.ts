// The power of a LinuxKit machine goes, again and again, on one disk: while the first boot makes the dot, then while an
// application writes. Every next boot ends what the one before began, without help. SEED=… cuts at the same writes
// again; FULL=1 cuts twenty times.
import test from 'ava';
import { until } from '../../src/lib/retry.ts';
import { randomFor, SEED } from '../helpers/random.ts';
import { application, Bench, type Entry, example, PATIENCE_MS, type Vm } from '../helpers/vm.ts';

const WHILE_MAKING = process.env['FULL'] ? 12 : 3;
const WHILE_WRITING = process.env['FULL'] ? 8 : 2;
/** Requests to write that the disk gets before a first boot is ready: about so many were counted. */
const WRITES_OF_A_BOOT = 400;
/** The application is left alone for as many lines, at least. */
const LINES = 5;

/** Goes on with the number after the last; says a number only once it is on the disk. */
const APPLICATION = `cd /data; n=$(tail -n 1 numbers 2>/dev/null || echo 0)
while n=$((n + 1)); do echo $n >>numbers && sync && echo "@wrote $n"; done`;

const { onboot, services } = example('dotmesh.yml');
const writer = application('writer', APPLICATION, { binds: ['/var/lib/data:/data:rw,rslave'] });

let bench: Bench;
let disk: string;
/** The last number that the application has said. */
let said = 0;
test.before(async () => {
  bench = await Bench.make('power');
  disk = await bench.disk('pool');
});
test.after.always(() => bench.clear());

/** Without the service of the example, but for the last boot: it takes as long to start as the step that is cut. */
const start = (running: Entry[] = [writer]) =>
  bench.boot({ yaml: { onboot, services: running }, disks: [disk], toConsole: ['writer'] });
const numbers = (vm: Vm) => [...vm.console().matchAll(/^@wrote (\d+)$/gm)].map(match => Number(match[1]));

/** What the first disk has been asked to write so far. */
async function writesOf(vm: Vm): Promise<number> {
  const all = (await vm.machine.qmp('query-blockstats')) as {
    'node-name'?: string;
    stats: { wr_operations: number };
  }[];
  return all.find(each => each['node-name'] === 'disk0')?.stats.wr_operations ?? 0;
}

for (let cut = 1; cut <= WHILE_MAKING; cut++) {
  const title = cut === 1 ? 'the first boot makes pool and dot' : `the next ends what it began (${cut})`;
  test.serial(`the power goes while ${title}`, async t => {
    t.timeout(2 * PATIENCE_MS);
    // Later each time: what is there already is not written again.
    const share = (cut - 1 + randomFor(`making ${cut}`)()) / WHILE_MAKING;
    const target = Math.ceil(share * WRITES_OF_A_BOOT);
    const vm = await start();
    let writes = 0;
    const seen = await until(
      async () => {
        writes = await writesOf(vm);
        return writes >= target || /^dm-linuxkit: ready:/m.test(vm.console());
      },
      { deadlineMs: PATIENCE_MS, everyMs: 2 },
    );
    await vm.cut();
    t.log(`cut at write ${writes} of the disk, ${target} were wanted`);
    t.truthy(seen, `SEED=${SEED}\n${vm.console()}`);
    t.true(writes > 0);
    // The share of the first is below a third of what a first boot writes.
    if (cut === 1) t.notRegex(vm.console(), /^dm-linuxkit: ready:/m);
    t.notRegex(vm.console(), /FAILED/);
  });
}

for (let cut = 1; cut <= WHILE_WRITING; cut++) {
  test.serial(`it comes up, and the power goes while an application writes (${cut})`, async t => {
    t.timeout(2 * PATIENCE_MS);
    const vm = await start();
    await comesUp(t.is, vm);
    const enough = said + LINES + Math.floor(10 * randomFor(`writing ${cut}`)());
    const wrote = await until(() => (numbers(vm).at(-1) ?? 0) >= enough, { deadlineMs: PATIENCE_MS });
    await vm.cut();
    t.truthy(wrote, `SEED=${SEED}\n${vm.console()}`);
    said = numbers(vm).at(-1) ?? 0;
    t.log(`${said} numbers were said to be on the disk`);
  });
}

test.serial('in the end there is one pool, one dot, and every number that was said to be there', async t => {
  t.timeout(2 * PATIENCE_MS);
  const vm = await start(services);
  await comesUp(t.is, vm);
  await vm.serves();
  t.is(await vm.exec('dotmesh', 'zpool list -H -o name'), 'dotmesh-pool');
  t.is(await vm.exec('dotmesh', 'zfs list -H -o name -d 1 dotmesh-pool/dmfs | wc -l'), '2', 'one dot');
  t.regex(await vm.exec('dotmesh', 'zpool status -x'), /all pools are healthy/);
  t.is((await vm.status('status-daemon.json')).state, 'serving');
});

/** The onboot step has done its work, and what the application finds is what it was told that it has. */
async function comesUp(is: (a: unknown, b: unknown, message?: string) => unknown, vm: Vm): Promise<void> {
  await vm.booted();
  is(vm.codeOf('dotmesh-init'), 0, `SEED=${SEED}\n${vm.console()}`);
  const found = (await vm.sh('cat /var/lib/data/numbers 2>/dev/null || true')).split('\n').filter(Boolean);
  is(found.join(), found.map((_, index) => index + 1).join(), 'a number is lost or there twice');
  is(found.length >= said, true, `SEED=${SEED}: ${said} were said, ${found.length} are there`);
}

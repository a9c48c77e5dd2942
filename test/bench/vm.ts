/**
 * `make bench VM=1`: what a boot costs in the emulated machine of the vm tier, beside raw ZFS there, and the memory of
 * the service. Everything is slow under emulation: only the ratios tell something about other machines.
 */

import { Bench, example, type Vm } from '../helpers/vm.ts';

const ROUNDS = 5;
const seconds = (value: number): string => `${value.toFixed(2)} s`;
const say = (what: string, value: string): void => console.log(`${what.padEnd(52)} ${value}`);
const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The image's programs without a container around them, and the seconds that a command takes, by the machine's clock. */
const TOOLS = `root=/containers/tools/rootfs
if [ ! -d $root ]; then
  mkdir -p $root
  mount -o bind,ro /image $root
  mount -o bind /dev $root/dev
  mount -o bind /sys $root/sys
  mount -t proc proc $root/proc
fi
timed() { read -r a _ </proc/uptime; chroot $root "$@" >/dev/null || exit 1; read -r b _ </proc/uptime; echo "$a $b"; }
`;

async function timed(vm: Vm, command: string): Promise<number> {
  const [begin, end] = (await vm.sh(`${TOOLS}timed ${command}`)).split(' ').map(Number);
  return (end ?? Number.NaN) - (begin ?? Number.NaN);
}

/** From init's first line until the dot is mounted and the step has left. */
function report(which: string, vm: Vm): number {
  const step = vm.secondsOf('dotmesh-init') - vm.secondsOf('modprobe');
  say(`${which}: init to mounted`, seconds(vm.secondsOf('dotmesh-init') - vm.secondsAt('init')));
  say(`${which}: of that the onboot step`, seconds(step));
  return step;
}

async function raw(vm: Vm): Promise<{ create: number; load: number }> {
  const [create, load]: [number[], number[]] = [[], []];
  await vm.sh(`${TOOLS}printf 'label: gpt\\n,\\n' | chroot $root sfdisk --quiet /dev/sdb`);
  for (let round = 0; round < ROUNDS; round++) {
    create.push(await timed(vm, 'zpool create -f -m none raw /dev/sdb1'));
    await timed(vm, 'zpool export raw');
    load.push(await timed(vm, 'zpool import -d /dev raw'));
    await timed(vm, 'zpool destroy raw');
  }
  return { create: median(create), load: median(load) };
}

/** In KiB, by program; a page that several share counts in parts. */
async function memory(vm: Vm): Promise<void> {
  // Some end while they are looked at.
  const text = await vm.sh(`for p in /proc/[0-9]*; do
  line=$(tr '\\0' ' ' <$p/cmdline)
  case "$line" in
    *node*dm-linuxkit*) name=dm-linuxkit ;;
    *node*dotmesh-server*) name=dotmesh-server ;;
    etcd\\ *|*/etcd\\ *) name=etcd ;;
    *) continue ;;
  esac
  awk -v name=$name '/^Rss:/ { rss = $2 } /^Pss:/ { pss = $2 } END { print name, rss, pss }' $p/smaps_rollup
done 2>/dev/null`);
  const lines = text.split('\n').map(line => line.split(' '));
  const sum = (column: number) => lines.reduce((total, line) => total + Number(line[column]), 0);
  const show = (kib: number) => `${(kib / 1024).toFixed(1)} MiB`;
  for (const [name = '', rss, pss] of lines)
    say(`memory of ${name}: RSS, PSS`, `${show(Number(rss))}, ${show(Number(pss))}`);
  say('memory of the service: RSS, PSS', `${show(sum(1))}, ${show(sum(2))}`);
}

const bench = await Bench.make('bench');
try {
  const disks = [await bench.disk('pool')];
  const boot = () => bench.boot({ yaml: example('dotmesh.yml'), disks });
  let vm = await boot();
  await vm.serves();
  const first = report('first boot', vm);
  await memory(vm);
  await vm.attach('raw', await bench.disk('raw'));
  await vm.eventually('test -b /dev/sdb');
  const { create, load } = await raw(vm);
  await vm.shutDown();
  vm = await boot();
  await vm.serves();
  const second = report('second boot', vm);
  say('zpool create', seconds(create));
  say('zpool import', seconds(load));
  say('first onboot step / zpool create', `${(first / create).toFixed(1)} ×`);
  say('second onboot step / zpool import', `${(second / load).toFixed(1)} ×`);
} finally {
  await bench.clear();
}

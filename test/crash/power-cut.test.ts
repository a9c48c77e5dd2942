// Power cuts of a whole machine, on the kernel's OpenZFS: the disk comes back as it was, the machine does the same
// again, and it ends well. SEED=… repeats a run, FULL=1 cuts thirty times.
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { type Case, faultsOf, gatherScript, offered, readFindings } from '../helpers/findings.ts';
import { type BootedGuest, bootGuest, guestCpus } from '../helpers/guest.ts';
import { inLanes } from '../helpers/lanes.ts';
import { randomFor, SEED } from '../helpers/random.ts';

const CUTS = process.env['FULL'] ? 30 : 8;
const DEADLINE_MS = 15 * 60_000;
const CASE: Case = { pool: 'dotmesh-pool', dot: 'app', mountpoint: '/run/app' };
const FLAGS = `--storage-device=/dev/ubda --dot=${CASE.dot} --mountpoint=${CASE.mountpoint}`;

/** When the power goes: during the first boot, the moment it says that it is ready, or later, in use. */
type When = 'booting' | 'ready' | 'in use';

interface Cut {
  number: number;
  when: When;
  /** How far into the boot, or after the marker was written, as a part of an undisturbed boot's time. */
  fraction: number;
}

interface Outcome {
  faults: string[];
  report: string;
}

const cpus = await guestCpus();
/** Per CPU: milliseconds of an undisturbed first boot of dm-linuxkit. */
const bootMs = new Map<number, number>();

const cuts: Cut[] = Array.from({ length: CUTS }, (_, index) => {
  const number = index + 1;
  // The first one of each CPU also measures.
  const when = index < cpus.length ? 'ready' : number % 4 === 0 ? 'in use' : 'booting';
  return { number, when, fraction: randomFor(`cut ${number}`)() };
});
const outcomes = inLanes(
  cpus,
  cuts.map(cut => cpu => cutAndBoot(cut, cpu)),
);

for (const [index, { number, when }] of cuts.entries()) {
  test.serial(
    `a machine whose power is cut while it is ${when} ends well the next time (${number})`,
    async t => {
      t.timeout(DEADLINE_MS);
      const outcome = await outcomes[index];
      t.log(outcome?.report);
      t.deepEqual(outcome?.faults, [], `SEED=${SEED}`);
    },
  );
}

const dm = (share: string, args: string) => `"$DM_NODE" "$DM_DIST/dm-linuxkit" ${args} >>${share}/log 2>&1`;

async function cutAndBoot(cut: Cut, cpu: number): Promise<Outcome> {
  const share = await mkdtemp(join(tmpdir(), `cut-${cut.number}-`));
  try {
    const disk = join(share, 'disk');
    await writeFile(disk, '');
    await truncate(disk, 2 ** 30);
    const hostid = (0x10000000 + cut.number).toString(16);
    const options = { share, disks: [disk], hostid, cpu, deadlineMs: DEADLINE_MS };
    const started = performance.now();
    const first = await firstBoot(cut, cpu, options);
    const between = performance.now();
    const second = await secondBoot(options);
    const [a, b] = [between - started, performance.now() - between].map(ms => (ms / 1000).toFixed(1));
    const log = await readFile(join(share, 'log'), 'utf8').catch(() => '(no log)');
    const { faults, text } = await judge(share, first.said, second.status);
    const all = [...first.faults, ...faults];
    const report = `${cut.when}, ${first.how}; boots of ${a} s and ${b} s`;
    return { faults: all, report: all.length ? `${report}\n${log}\n${text}\n${second.console}` : report };
  } finally {
    await rm(share, { recursive: true, force: true });
  }
}

type Options = Omit<Parameters<typeof bootGuest>[0], 'command'>;

interface First {
  /** What the machine had said on its console before the power went. */
  said: string;
  how: string;
  faults: string[];
}

async function firstBoot(cut: Cut, cpu: number, options: Options): Promise<First> {
  const { share } = options;
  let said = '';
  const waiting = new Map<string, () => void>();
  const says = (word: string) => new Promise<void>(resolve => waiting.set(word, resolve));
  const [begun, ready, marked] = [says('@BEGUN'), says('@READY'), says('@MARKED')];
  const guest: BootedGuest = await bootGuest({
    ...options,
    command: `echo @BEGUN
${dm(share, FLAGS)} || exit 1
echo @READY
echo kept >${CASE.mountpoint}/marker-first && sync ${CASE.mountpoint}/marker-first && echo @MARKED
while :; do echo more >>${CASE.mountpoint}/more; ${dm(share, FLAGS)} || exit 1; done`,
    onConsole: chunk => {
      said += chunk;
      for (const [word, resolve] of waiting) if (said.includes(word)) resolve();
    },
  });
  let over = false;
  const ended = guest.done.then(() => {
    over = true;
  });
  await Promise.race([begun, ended]);
  const started = performance.now();
  const measured = bootMs.get(cpu) ?? 0;
  if (cut.when === 'booting') await Promise.race([delay(cut.fraction * measured), ended]);
  else {
    await Promise.race([ready, ended]);
    if (measured === 0) bootMs.set(cpu, performance.now() - started);
    if (cut.when === 'in use') {
      await Promise.race([marked, ended]);
      await Promise.race([delay(cut.fraction * measured), ended]);
    }
  }
  const early = over;
  const at = Math.round(performance.now() - started);
  guest.killPowerCut();
  const { console, status } = await guest.done;
  const faults = early ? [`the first boot ended by itself, status ${status}: ${console}`] : [];
  return { said, faults, how: `${at} ms after it began (a whole boot: ${Math.round(measured)} ms)` };
}

/** The same command, a look, a stop with export, the same command again, a look. */
async function secondBoot(options: Options) {
  const { share } = options;
  await writeFile(join(share, 'log'), '');
  await mkdir(join(share, 'found'));
  const guest = await bootGuest({
    ...options,
    command: `${dm(share, FLAGS)} || exit 11
cp ${share}/log ${share}/found/log
${gatherScript(CASE, `${share}/second`)}
echo kept >${CASE.mountpoint}/marker-second
${dm(share, 'stop --export')} || exit 12
zpool import -d /dev >${share}/found/importable 2>&1
${dm(share, FLAGS)} || exit 13
${gatherScript(CASE, `${share}/third`)}`,
  });
  return guest.done;
}

async function judge(
  share: string,
  said: string,
  status: number,
): Promise<{ faults: string[]; text: string }> {
  if (status !== 0) return { faults: [`the second boot ended with status ${status}`], text: '' };
  const second = readFindings(CASE, join(share, 'second'));
  const third = readFindings(CASE, join(share, 'third'));
  const importable = await readFile(join(share, 'found/importable'), 'utf8');
  const log = await readFile(join(share, 'found/log'), 'utf8');
  const faults = [
    ...faultsOf(CASE, second),
    ...faultsOf(CASE, third, { ...second, markers: [...second.markers, 'marker-second'] }),
  ];
  const pools = offered(CASE.pool, importable);
  if (pools !== 1) faults.push(`${pools} pools to import`);
  if (said.includes('@READY') && !/app: kept/.test(log)) faults.push('the dot was not kept');
  if (said.includes('@MARKED') && !second.markers.includes('marker-first')) faults.push('the marker is lost');
  return { faults, text: `${JSON.stringify({ second, third })}\n${importable}` };
}

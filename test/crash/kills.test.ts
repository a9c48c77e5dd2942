// SIGKILL at random points, on this machine's ZFS. Whatever is hit, the next run ends well: one pool, one dot, and
// what was in it. SEED=… repeats a run, FULL=1 kills thirty times.
import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { EXIT_CODES } from '../../src/lib/exit-codes.ts';
import { until } from '../../src/lib/retry.ts';
import { MOUNT_PREFIX } from '../../src/model/layout.ts';
import { isAlive } from '../../src/system/processes.ts';
import { type Ended, Machine, PATIENCE_MS, type Running } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';
import {
  type Case,
  type Findings,
  faultsOf,
  gatherScript,
  offered,
  readFindings,
} from '../helpers/findings.ts';
import { randomFor, SEED } from '../helpers/random.ts';
import { killAt, type Life, ROLES, type Role, victimOf, watchLives } from '../helpers/victim.ts';

const FULL = Boolean(process.env['FULL']);
const FIRST_BOOTS = FULL ? 30 : 9;
const SECOND_BOOTS = FULL ? 12 : 3;
const DAEMONS = FULL ? 9 : 3;
/** Each attempt aims at half of the time before it; a loaded machine measures long lives. */
const ATTEMPTS = 8;
const DOT = 'app';

let firstBoot: Record<Role, Life>;
let secondBoot: Record<Role, Life>;

/** One machine of a round, and what is known of it. */
class Round {
  readonly machine: Machine;
  readonly args: string[];
  readonly case: Case;
  private looks = 0;
  private readonly dots = new Set<string>();

  private constructor(machine: Machine) {
    this.machine = machine;
    const mountpoint = machine.at(DOT);
    this.args = [...machine.flags, `--dot=${DOT}`, `--mountpoint=${mountpoint}`];
    this.case = { pool: machine.pool, dot: DOT, mountpoint };
  }

  static async make(name: string): Promise<Round> {
    return new Round(await Machine.make(name));
  }

  start(...more: string[]): Running {
    return this.machine.start([...this.args, ...more]);
  }

  async look(): Promise<Findings> {
    const folder = this.machine.at(`look${++this.looks}`);
    await mkdir(folder);
    await sh('bash', '-c', gatherScript(this.case, folder));
    const findings = readFindings(this.case, folder);
    for (const { dataset } of findings.datasets) this.dots.add(dataset);
    return findings;
  }

  async mark(name: string): Promise<void> {
    await writeFile(join(this.case.mountpoint, `marker-${name}`), name, { flush: true });
  }

  async clear(): Promise<void> {
    await this.machine.clear();
    // ZFS leaves the directory at which it had mounted a filesystem.
    for (const dataset of this.dots)
      await rmdir(join(MOUNT_PREFIX, dataset.slice(this.case.pool.length + 1))).catch(() => undefined);
    await rm(this.machine.folder, { recursive: true, force: true });
  }
}

function endedWell(t: ExecutionContext, { code, text }: Ended, what: string): void {
  t.is(code, 0, `SEED=${SEED}, ${what}:\n${text}`);
}

/** What the victim's death may lead to: a run that says why it failed, or one that did not need it any more. */
function judgeKilled(t: ExecutionContext, role: Role, { code, text }: Ended): void {
  if (role === 'dm-linuxkit') return void t.is(code, null);
  const known = Object.values(EXIT_CODES).filter(each => each !== EXIT_CODES.internal);
  t.true(code !== null && [0, ...known].includes(code), `SEED=${SEED}: exit code ${code}\n${text}`);
  t.notRegex(text, /^\s+at .*\d+:\d+\)?$/m, 'a stack trace');
}

/** The run after a kill, the state it leaves, and the same after stop, export and import. */
async function recovers(t: ExecutionContext, round: Round, before: Findings | undefined): Promise<void> {
  const { machine } = round;
  const next = await round.start().ended;
  endedWell(t, next, 'the next run');
  const found = await round.look();
  t.deepEqual(faultsOf(round.case, found, before), [], `SEED=${SEED}\n${next.text}`);
  t.deepEqual(machine.alive(), []);
  await round.mark('recovered');
  const marked = await round.look();

  endedWell(t, await machine.stop('--export'), 'stop --export');
  t.is(offered(round.case.pool, await sh('zpool', 'import', '-d', machine.folder)), 1);
  const last = await round.start().ended;
  endedWell(t, last, 'the run after the export');
  t.deepEqual(faultsOf(round.case, await round.look(), marked), [], `SEED=${SEED}\n${last.text}`);
}

/** Milliseconds after the victim appeared. */
const pointIn = ([from, to]: Life, fraction: number): number => fraction * (to - from);

/** Kills the role in a run; true when it was there to be killed. */
async function hits(t: ExecutionContext, round: Round, role: Role, afterMs: number): Promise<boolean> {
  const running = round.start();
  const children = () => ROLES.slice(1).flatMap(each => victimOf(running, each) ?? []);
  const seen: ReturnType<typeof children> = [];
  const watching = until(
    () => {
      seen.splice(0, seen.length, ...children());
      return running.child.exitCode !== null || running.child.signalCode !== null;
    },
    { deadlineMs: PATIENCE_MS },
  );
  const hit = await killAt(running, role, afterMs);
  const ended = await running.ended;
  await watching;
  t.log(`${role}, ${Math.round(afterMs)} ms after it appeared: ${hit ? 'killed' : 'late'}`);
  if (!hit) return false;
  judgeKilled(t, role, ended);
  t.truthy(
    await until(() => !seen.some(isAlive), { deadlineMs: PATIENCE_MS }),
    'a child outlives its parent',
  );
  return true;
}

test.before(async () => {
  const round = await Round.make('calibration');
  try {
    const first = round.start();
    firstBoot = await watchLives(first);
    if ((await first.ended).code !== 0) throw new Error(first.text());
    await round.machine.stop('--export');
    const second = round.start();
    secondBoot = await watchLives(second);
    if ((await second.ended).code !== 0) throw new Error(second.text());
    await round.look();
  } finally {
    await round.clear();
  }
});

for (let number = 1; number <= FIRST_BOOTS; number++) {
  const role = ROLES[number % ROLES.length] ?? 'dm-linuxkit';
  test.serial(`a first boot whose ${role} is killed is finished by the next run (${number})`, async t => {
    const random = randomFor(`first boot ${number}`);
    let afterMs = pointIn(firstBoot[role], random());
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++, afterMs /= 2) {
      const round = await Round.make(`kill-${number}`);
      try {
        if (!(await hits(t, round, role, afterMs))) continue;
        // Every other time the next run comes at once, while commands of the killed one may still be at work.
        await recovers(t, round, number % 2 ? await round.look() : undefined);
        return;
      } finally {
        await round.clear();
      }
    }
    t.fail(`${role} was never killed in time`);
  });
}

for (let number = 1; number <= SECOND_BOOTS; number++) {
  const role = ROLES[number % ROLES.length] ?? 'dm-linuxkit';
  test.serial(`a second boot whose ${role} is killed loses nothing (${number})`, async t => {
    const random = randomFor(`second boot ${number}`);
    let afterMs = pointIn(secondBoot[role], random());
    const round = await Round.make(`again-${number}`);
    try {
      endedWell(t, await round.start().ended, 'the first run');
      await round.mark('first');
      const before = await round.look();
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++, afterMs /= 2) {
        endedWell(t, await round.machine.stop('--export'), 'stop --export');
        if (!(await hits(t, round, role, afterMs))) continue;
        return await recovers(t, round, before);
      }
      t.fail(`${role} was never killed in time`);
    } finally {
      await round.clear();
    }
  });
}

for (let number = 1; number <= DAEMONS; number++) {
  const role = ROLES[number % ROLES.length] ?? 'dm-linuxkit';
  const title =
    role === 'dm-linuxkit'
      ? 'that is killed takes etcd and the server along'
      : `brings a killed ${role} back`;
  test.serial(`a daemon ${title} (${number})`, async t => {
    const round = await Round.make(`daemon-${number}`);
    const { machine } = round;
    try {
      const daemon = round.start('--daemon');
      await machine.says(daemon, /Ready: /);
      await round.mark('daemon');
      const before = await round.look();
      const children = ROLES.slice(1).flatMap(each => victimOf(daemon, each) ?? []);
      t.is(children.length, 2);
      const old = victimOf(daemon, role)?.pid;
      t.true(await killAt(daemon, role, randomFor(`daemon ${number}`)() * secondBoot.server[1]));
      if (role === 'dm-linuxkit') {
        t.truthy(await until(() => !children.some(isAlive), { deadlineMs: PATIENCE_MS }));
      } else {
        t.true(
          await until(() => isBack(machine, daemon, role, old), { deadlineMs: PATIENCE_MS }),
          daemon.text(),
        );
        t.deepEqual(faultsOf(round.case, await round.look(), before), []);
        endedWell(t, await machine.stop(), 'stop');
        endedWell(t, await daemon.ended, 'the daemon');
      }
      await recovers(t, round, before);
    } finally {
      await round.clear();
    }
  });
}

/** Whether another process is in that role, and the server knows the dot. */
async function isBack(
  machine: Machine,
  daemon: Running,
  role: Role,
  old: number | undefined,
): Promise<boolean> {
  const now = victimOf(daemon, role)?.pid;
  if (now === undefined || now === old) return false;
  const client = machine.client();
  try {
    const known = await client.call('Exists', { Namespace: 'admin', Name: DOT, Branch: '' });
    return (await client.call('Ping', null)) && known !== '';
  } catch {
    return false;
  } finally {
    client.close();
  }
}

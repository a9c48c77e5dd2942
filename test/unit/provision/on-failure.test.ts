// What a boot step that failed does: which failures may pass, when it is tried again, and when that ends.
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { DmError, type Kind } from '../../../src/lib/errors.ts';
import { afterFailure, insist, type OnFailure } from '../../../src/provision/on-failure.ts';
import { mayPass } from '../../../src/provision/passing.ts';
import { powerOff } from '../../../src/system/power.ts';

const error = (kind: Kind, code: string) => new DmError(kind, code, `It is ${code}.`);
const LATE = error('device', 'DEVICE_MISSING');
const FULL = error('mount', 'MOUNTPOINT_NOT_EMPTY');

test('what time may mend is told from what needs a person', t => {
  for (const [kind, code] of [
    ['device', 'DEVICE_MISSING'],
    ['timeout', 'PROVISION_TIMED_OUT'],
    ['locked', 'LOCKED'],
    ['pool', 'POOL_FOREIGN'],
    ['zfs', 'ZFS_HUNG'],
    ['services', 'SERVER_SILENT'],
  ] as const)
    t.true(mayPass(error(kind, code)), code);
  for (const [kind, code] of [
    ['device', 'DEVICE_NOT_BLANK'],
    ['usage', 'SEED_UNSUPPORTED'],
    ['secrets', 'BAD_SECRET'],
    ['services', 'SERVER_MISSING'],
    ['mount', 'MOUNTPOINT_NOT_EMPTY'],
    ['interrupted', 'INTERRUPTED'],
  ] as const)
    t.false(mayPass(error(kind, code)), code);
  t.false(mayPass(new Error('a fault of ours')));
});

test('tries come after 2 s, 4 s and so on, never later than after 60 s, never after the end', t => {
  const delay = (tries: number, leftMs = 600_000) => afterFailure(LATE, { tries, leftMs });
  t.deepEqual(
    [1, 2, 3, 6, 1000].map(tries => delay(tries)),
    [2_000, 4_000, 8_000, 60_000, 60_000].map(inMs => ({ do: 'try again', inMs })),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e7 }), (tries, leftMs) => {
      const verdict = delay(tries, leftMs);
      return verdict.do === 'try again' && verdict.inMs <= leftMs && verdict.inMs > 0;
    }),
  );
  t.deepEqual(delay(3, 0), { do: 'give up' });
  t.deepEqual(afterFailure(FULL, { tries: 1, leftMs: 7 }), { do: 'hold', forMs: 7 });
  t.deepEqual(afterFailure(error('interrupted', 'INTERRUPTED'), { tries: 1, leftMs: 7 }), { do: 'give up' });
});

/** A boot step whose tries end like this, one after the other, the last one for good. */
function step(
  onFailure: OnFailure,
  ends: readonly (DmError | 'done')[],
  { holdMs = 10_000, canPowerOff = true, holdsBoot = true } = {},
) {
  const seen = {
    tries: 0,
    failed: [] as string[],
    told: [] as string[],
    poweredOff: 0,
    running: 0,
    pauses: [] as number[],
  };
  const asked = new AbortController();
  const attempt = async () => {
    const end = ends[Math.min(seen.tries++, ends.length - 1)];
    if (++seen.running > 1) throw new Error('two tries at once');
    await new Promise(resolve => setImmediate(resolve));
    seen.running--;
    if (end instanceof DmError) throw end;
    return end;
  };
  const how = {
    onFailure,
    holdsBoot,
    holdMs,
    timeoutMs: 60_000,
    failed: async ({ code }: DmError) => void seen.failed.push(code),
    powerOff: async () => {
      seen.poweredOff++;
      return canPowerOff;
    },
  };
  const context = { tell: (line: string) => void seen.told.push(line), interrupted: asked.signal };
  let now = 0;
  const time = {
    now: () => now,
    pause: async (ms: number) => {
      seen.pauses.push(ms);
      now += ms;
    },
  };
  // The clock of the test ends every pause at once; one until a signal needs the real one.
  const run = (real = false) => insist(attempt, how, context, real ? undefined : time);
  return { seen, asked, run };
}

test('by default a failure is the end', async t => {
  const { seen, run } = step('exit', [LATE, 'done']);
  await t.throwsAsync(run(), { code: 'DEVICE_MISSING' });
  t.deepEqual([seen.tries, seen.failed, seen.told, seen.poweredOff], [1, ['DEVICE_MISSING'], [], 0]);
});

test('waiting tries again what may pass, one try after the other, and says so', async t => {
  const { seen, run } = step('wait', [LATE, 'done']);
  t.is(await run(), 'done');
  t.is(seen.tries, 2);
  t.regex(seen.told.join('\n'), /boot is held; the next try is in .*DEVICE_MISSING/);
});

test('waiting ends with the failure when its time is over', async t => {
  const { seen, run } = step('wait', [LATE]);
  await t.throwsAsync(run(), { code: 'DEVICE_MISSING' });
  t.deepEqual([seen.tries, seen.pauses], [4, [2_000, 4_000, 4_000]]);
});

test('what can not pass holds the boot without another try, until SIGTERM', async t => {
  const { seen, asked, run } = step('wait', [FULL], { holdMs: 600_000 });
  const held = run(true);
  setImmediate(() => asked.abort());
  await t.throwsAsync(held, { code: 'MOUNTPOINT_NOT_EMPTY' });
  t.is(seen.tries, 1);
});

test('a daemon tries again what may pass, and ends at once with what can not', async t => {
  const { seen, run } = step('wait', [LATE, FULL, 'done'], { holdsBoot: false });
  await t.throwsAsync(run(), { code: 'MOUNTPOINT_NOT_EMPTY' });
  t.deepEqual([seen.tries, seen.pauses], [2, [2_000]]);
  t.regex(seen.told.join('\n'), /^The next try is in 2 s: It is DEVICE_MISSING\.$/);
});

test('switching off comes after the reason was told, and never after a signal', async t => {
  const { seen, run } = step('poweroff', [FULL]);
  await t.throwsAsync(run(), { code: 'MOUNTPOINT_NOT_EMPTY' });
  t.deepEqual([seen.failed, seen.poweredOff], [['MOUNTPOINT_NOT_EMPTY'], 1]);
  t.regex(seen.told.join(), /Switching the machine off: It is MOUNTPOINT_NOT_EMPTY/);
  const interrupted = step('poweroff', [error('interrupted', 'INTERRUPTED')]);
  await t.throwsAsync(interrupted.run(), { code: 'INTERRUPTED' });
  t.is(interrupted.seen.poweredOff, 0);
});

test('a machine that can not be switched off holds its boot, and tries again what may pass', async t => {
  const held = step('poweroff', [FULL], { canPowerOff: false });
  await t.throwsAsync(held.run(), { code: 'MOUNTPOINT_NOT_EMPTY' });
  t.deepEqual([held.seen.poweredOff, held.seen.pauses], [1, [10_000]]);
  const passes = step('poweroff', [LATE, 'done'], { canPowerOff: false });
  t.is(await passes.run(), 'done');
  t.is(passes.seen.tries, 2);
});

test('in a container with its own pid namespace the kernel is asked, not poweroff(8)', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'power-'));
  try {
    const pidNamespace = join(folder, 'pid');
    await symlink('pid:[4026532999]', pidNamespace);
    const sysrqTrigger = join(folder, 'trigger');
    t.is(await powerOff({ sysrqTrigger, pidNamespace, settleMs: 0 }), '');
    t.is(await readFile(sysrqTrigger, 'utf8'), 'o');
    t.regex(await powerOff({ sysrqTrigger: folder, pidNamespace, settleMs: 0 }), /own pid namespace; EISDIR/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

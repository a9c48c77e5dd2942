// guest: disks=1
// Devices as a machine without udev presents them: chosen by what they carry, coming late, broken.
import { rm, symlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { DmError } from '../../src/lib/errors.ts';
import { type Disks, destroyAllPools, makeDisks, poke, sh } from '../helpers/disks.ts';
import { dmLinuxkit, poolStep } from '../helpers/pool-step.ts';

const MIB = 2 ** 20;
const SECTOR = 512;

/** The guest's own disk, which is a stranger's but in the test that is about it. */
const REAL = '/dev/ubda';
const makeStranger = () => sh('mkfs.ext4', '-q', '-F', '-L', 'stranger', REAL);

let disks: Disks;
test.before(async () => {
  await makeStranger();
});
test.beforeEach(async () => {
  disks = await makeDisks();
});
test.afterEach.always(async () => {
  await destroyAllPools();
  await disks.clear();
});

async function blankReal(): Promise<void> {
  const end = Number(await sh('blockdev', '--getsize64', REAL)) - 8 * MIB;
  for (const at of [0, end]) await poke(REAL, Buffer.alloc(8 * MIB), at);
}

/** Step 1 with `auto`, loop devices being disks. */
function auto(more: Parameters<typeof poolStep>[2] = {}) {
  return poolStep('tank', ['auto'], { loopsAreDisks: true, ...more });
}

async function refusal(t: ExecutionContext, work: Promise<unknown>): Promise<DmError> {
  return (await t.throwsAsync(work)) as DmError;
}

const minorOf = (name: string) => sh('dmsetup', 'info', '--columns', '--noheadings', '-o', 'minor', name);
const guidOf = (pool: string) => sh('zpool', 'get', '-H', '-o', 'value', 'guid', pool);

test.serial('the one blank disk of a machine is taken, and the same pool at the next boot', async t => {
  await blankReal();
  const made = await poolStep('tank', ['auto']);
  t.regex(await sh('zpool', 'status', '-P', 'tank'), /\/dev\/ubda1 /);
  await sh('zpool', 'export', 'tank');
  const again = await poolStep('tank', ['auto']);
  t.deepEqual([again.how, again.pool.guid], ['imported', made.pool.guid]);
  await sh('zpool', 'destroy', 'tank');
  await blankReal();
  await sh('partx', '--delete', REAL).catch(() => undefined);
  await makeStranger();
  const none = await dmLinuxkit('tank', '--storage-device=auto', '--wait-device=0');
  t.is(none.exitCode, 3, none.stderr);
  t.regex(none.stderr, /\/dev\/ubda: it carries a filesystem \(ext4, "stranger"\)/);
});

test.serial('the pool is found on a disk that has another name now, with a blank one beside it', async t => {
  const image = await disks.file();
  const before = await disks.disk({ image });
  const made = await auto();
  t.is(made.how, 'created');
  t.is((await auto()).how, 'kept');
  await sh('zpool', 'export', 'tank');
  await disks.release(before);
  t.is(await disks.disk(), before);
  const now = await disks.disk({ image });
  t.not(now, before);
  const again = await auto();
  t.deepEqual([again.how, again.pool.guid], ['imported', made.pool.guid]);
  t.regex(again.told.join('\n'), new RegExp(`Disk for the pool tank: ${now}\\.`));
});

test.serial('two blank disks are listed with their sizes, and none is taken', async t => {
  const [a, b] = [await disks.disk(), await disks.disk({ sizeMiB: 1024 })];
  const error = await refusal(t, auto());
  t.is(error.code, 'AUTO_SEVERAL_DISKS');
  t.true(error.message.includes(`${a} (512 MiB), ${b} (1.0 GiB)`), error.message);
});

test.serial('a disk that can not be read keeps a blank one from being taken, until one is named', async t => {
  await sh('modprobe', 'dm-mod');
  await sh('dmsetup', 'create', '--noudevsync', 'broken', '--table', `0 ${(512 * MIB) / SECTOR} error`);
  const broken = await disks.disk({ image: `/dev/dm-${await minorOf('broken')}` });
  t.teardown(async () => {
    await disks.release(broken);
    await sh('dmsetup', 'remove', '--noudevsync', '--retry', 'broken');
  });
  const blank = await disks.disk();
  const error = await refusal(t, auto());
  t.is(`${error.kind}/${error.code}`, 'device/DEVICE_UNREADABLE');
  t.regex(error.message, new RegExp(`${broken} can not be read.*Input/output error`, 's'));
  t.is((await poolStep('tank', [blank])).how, 'created');
  t.is((await refusal(t, poolStep('other', [broken], { force: true }))).code, 'DEVICE_UNREADABLE');
});

test.serial('a disk that hangs is told as such, and the program ends', async t => {
  const disk = await disks.disk();
  await sh('modprobe', 'dm-mod');
  const sectors = await sh('blockdev', '--getsz', disk);
  await sh('dmsetup', 'create', '--noudevsync', 'hangs', '--table', `0 ${sectors} linear ${disk} 0`);
  await sh('dmsetup', 'suspend', '--noudevsync', '--nolockfs', '--noflush', 'hangs');
  try {
    const ended = await dmLinuxkit('tank', `--storage-device=/dev/dm-${await minorOf('hangs')}`);
    t.is(ended.exitCode, 3, ended.stderr);
    t.regex(ended.stderr, /can not be read: it gives no answer within 9 s/);
  } finally {
    await sh('dmsetup', 'resume', '--noudevsync', 'hangs');
    await sh('dmsetup', 'remove', '--noudevsync', '--retry', 'hangs');
  }
});

test.serial('a pool in a partition among others is not replaced by a new one on a blank disk', async t => {
  const disk = await disks.disk();
  await sh('bash', '-c', `printf 'label: gpt\\nsize=400MiB\\nsize=+\\n' | sfdisk --quiet ${disk}`);
  t.is((await poolStep('tank', [`${disk}p1`])).how, 'created');
  await sh('zpool', 'export', 'tank');
  t.is((await refusal(t, poolStep('tank', [disk]))).code, 'DEVICE_NOT_BLANK');
  t.is((await refusal(t, poolStep('tank', [disk], { force: true }))).code, 'POOL_ELSEWHERE');
  await disks.disk();
  const error = await refusal(t, auto());
  t.is(error.code, 'AUTO_AMBIGUOUS');
  t.true(error.message.includes(`${disk}p1: it carries the ZFS pool "tank"`), error.message);
});

test.serial('a named blank disk is refused when the pool of that name is on another one', async t => {
  const [first, second] = [await disks.file(), await disks.file()];
  const name = await disks.disk({ image: first });
  const made = await poolStep('tank', [name]);
  await sh('zpool', 'export', 'tank');
  await disks.release(name);
  t.is(await disks.disk({ image: second }), name, 'the other disk has its name now');
  const now = await disks.disk({ image: first });
  for (const force of [false, true]) {
    const error = await refusal(t, poolStep('tank', [name], { force }));
    t.is(`${error.kind}/${error.code}`, 'pool/POOL_ELSEWHERE');
    t.true(error.message.includes(`${name} would get a new pool tank`), error.message);
    t.true(error.message.includes(`on ${now}p1.`), error.message);
    t.regex(error.hint ?? '', /--storage-device=auto/);
  }
  const ended = await dmLinuxkit('tank', `--storage-device=${name}`);
  t.is(ended.exitCode, 4, ended.stderr);
  const again = await poolStep('tank', [now]);
  t.deepEqual([again.how, again.pool.guid], ['imported', made.pool.guid]);
  await sh('zpool', 'destroy', 'tank');
  t.is((await poolStep('tank', [name])).how, 'created', 'a pool that was destroyed is none');
});

test.serial('a pool is waited for until all of its disks are there, a blank disk or not', async t => {
  const [first, second] = [await disks.file(), await disks.file()];
  const [a, b] = [await disks.disk({ image: first }), await disks.disk({ image: second })];
  await poolStep('tank', [a, b]);
  const guid = await guidOf('tank');
  await sh('zpool', 'export', 'tank');
  await disks.release(b);
  await disks.disk();
  t.is((await refusal(t, auto())).code, 'POOL_MISSING_DEVICE');
  let attached: Promise<string> | undefined;
  const onTell = (line: string) => {
    if (/Waiting for the other disks/.test(line)) attached ??= disks.disk({ image: second });
  };
  const outcome = await auto({ deviceWaitMs: 300_000, onTell });
  t.deepEqual([outcome.how, outcome.pool.guid], ['imported', guid]);
  t.truthy(await attached);
});

test.serial('the disk of the pool comes late, and is taken at once, not the blank one before it', async t => {
  const image = await disks.file();
  const before = await disks.disk({ image });
  const made = await auto();
  await sh('zpool', 'export', 'tank');
  await disks.release(before);
  await disks.disk();
  let attached: Promise<string> | undefined;
  const onTell = (line: string) => {
    // Longer after the blank one than disks of a machine are apart from each other.
    if (/in \d+ s the blank .* is taken/.test(line))
      attached ??= delay(4_000).then(() => disks.disk({ image }));
  };
  const outcome = await auto({ deviceWaitMs: 300_000, onTell });
  t.deepEqual([outcome.how, outcome.pool.guid], ['imported', made.pool.guid]);
  t.truthy(await attached);
});

test.serial('a blank disk is taken when the time to wait has passed', async t => {
  const disk = await disks.disk();
  const outcome = await auto({ deviceWaitMs: 3_000 });
  t.is(outcome.how, 'created');
  t.regex(outcome.told.join('\n'), new RegExp(`Waiting for .* the blank ${disk} is taken`));
});

test.serial('a disk that comes late is waited for by name', async t => {
  const late = '/dev/comes-late';
  t.teardown(() => rm(late, { force: true }));
  const disk = await disks.disk();
  await poolStep('tank', [disk]);
  await sh('zpool', 'export', 'tank');
  const named = await poolStep('tank', [late], {
    deviceWaitMs: 300_000,
    onTell: line => {
      if (/Waiting for \/dev\/comes-late/.test(line)) setTimeout(() => void symlink(disk, late), 3_000);
    },
  });
  t.is(named.how, 'imported');
  await sh('zpool', 'export', 'tank');
  await rm(late);
  t.is((await refusal(t, poolStep('tank', [late], { deviceWaitMs: 100 }))).code, 'DEVICE_MISSING');
});

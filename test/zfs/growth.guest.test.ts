// Disks that have grown, their partition tables, and power cuts on the way.
import { truncate } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { DmError } from '../../src/lib/errors.ts';
import { type Disks, destroyAllPools, makeDisks, poke, sh } from '../helpers/disks.ts';
import { poolStep } from '../helpers/pool-step.ts';

const MIB = 2 ** 20;
const SECTOR = 512;

let disks: Disks;
test.beforeEach(async () => {
  disks = await makeDisks();
});
test.afterEach.always(async () => {
  await destroyAllPools();
  await disks.clear();
});

/** Step 1 with `auto`, loop devices being disks. */
const auto = () => poolStep('tank', ['auto'], { loopsAreDisks: true });

async function refusal(t: ExecutionContext, work: Promise<unknown>): Promise<DmError> {
  return (await t.throwsAsync(work)) as DmError;
}

const sizeOf = async (pool: string) =>
  Number(await sh('zpool', 'list', '-H', '-p', '-o', 'size', pool)) / MIB;

/** A file system with a file in it, and what it must still say later. */
async function fill(): Promise<string> {
  await sh('zfs', 'create', '-o', 'mountpoint=/run/test/grown', 'tank/data');
  await sh('dd', 'if=/dev/urandom', 'of=/run/test/grown/file', 'bs=1M', 'count=16');
  return sh('sha256sum', '/run/test/grown/file');
}
async function filled(): Promise<string> {
  await sh('zfs', 'mount', 'tank/data').catch(() => undefined);
  return sh('sha256sum', '/run/test/grown/file');
}

test.serial('a grown disk gives a larger pool at the next import, once, and the data stays', async t => {
  const image = await disks.file();
  const small = await disks.disk({ image });
  await poolStep('tank', [small]);
  const before = await sizeOf('tank');
  const sum = await fill();
  await sh('zpool', 'export', 'tank');
  await disks.release(small);
  await truncate(image, 1024 * MIB);
  const large = await disks.disk({ image });
  const table = await sh('sfdisk', '--dump', large);

  const grown = await poolStep('tank', [large]);
  t.is(grown.how, 'imported');
  t.regex(grown.told.join('\n'), new RegExp(`${large}p1 has grown: the pool has`));
  t.true((await sizeOf('tank')) > before + 400, `${await sizeOf('tank')} MiB`);
  t.is(await filled(), sum);
  const now = await sh('sfdisk', '--dump', large);
  const idsOf = (dump: string) => dump.match(/start=\s*\d+|uuid=\S+|label-id: \S+/g);
  t.deepEqual(idsOf(now), idsOf(table));
  t.regex(await sh('sfdisk', '--verify', large), /No errors detected/);

  await sh('zpool', 'export', 'tank');
  const again = await poolStep('tank', [large]);
  t.deepEqual(
    again.told.filter(line => /grown|larger/.test(line)),
    [],
  );

  // The disk grows while the pool is imported.
  await truncate(image, 1536 * MIB);
  await sh('losetup', '--set-capacity', large);
  const kept = await poolStep('tank', [large]);
  t.is(kept.how, 'kept');
  t.regex(kept.told.join('\n'), /has grown/);
  t.is(await filled(), sum);
});

test.serial('a power cut between the enlarged table and the pool is gone on from', async t => {
  const image = await disks.file();
  const disk = await disks.disk({ image });
  await poolStep('tank', [disk]);
  const before = await sizeOf('tank');
  await sh('zpool', 'export', 'tank');
  await disks.release(disk);
  await truncate(image, 1024 * MIB);
  await sh('bash', '-c', `echo size=1022MiB | sfdisk --quiet --wipe never --partno 1 ${image}`);
  const again = await disks.disk({ image });
  t.is((await poolStep('tank', [again])).how, 'imported');
  t.true((await sizeOf('tank')) > before + 400);
});

test.serial('a grown file gives a larger pool without a table', async t => {
  const file = await disks.file();
  await poolStep('tank', [file]);
  const before = await sizeOf('tank');
  await sh('zpool', 'export', 'tank');
  await truncate(file, 1024 * MIB);
  const grown = await poolStep('tank', [file]);
  t.true((await sizeOf('tank')) > before + 400, `${grown.told} ${await sizeOf('tank')} MiB`);
  await sh('zpool', 'export', 'tank');
  t.deepEqual(
    (await poolStep('tank', [file])).told.filter(line => /grown|larger/.test(line)),
    [],
  );
});

const verify = (disk: string) => sh('sfdisk', '--verify', disk);
const SOUND = /No errors detected/;

test.serial(
  'a table that was cut off is read from its copy, and written again for the next growth',
  async t => {
    const image = await disks.file();
    const disk = await disks.disk({ image });
    const made = await poolStep('tank', [disk]);
    const ids = (await sh('sfdisk', '--dump', disk)).match(/start=\s*\d+|uuid=\S+|label-id: \S+/g);
    const sum = await fill();
    await sh('zpool', 'export', 'tank');
    await disks.release(disk);
    let sizeMiB = 512;
    // A header does not fit its entries any more, at the beginning and at the end; all of one copy is gone.
    for (const [bytes, at] of [
      [Buffer.alloc(4, 1), SECTOR + 88],
      [Buffer.alloc(33 * SECTOR), SECTOR],
      [Buffer.alloc(4, 1), -SECTOR + 88],
      [Buffer.alloc(33 * SECTOR), -33 * SECTOR],
    ] as const) {
      await poke(image, bytes, at < 0 ? sizeMiB * MIB + at : at);
      const torn = await disks.disk({ image });
      const found = await poolStep('tank', [torn]);
      t.deepEqual([found.how, found.pool.guid], ['imported', made.pool.guid], `${at}`);
      t.regex(await verify(torn), SOUND);
      t.deepEqual((await sh('sfdisk', '--dump', torn)).match(/start=\s*\d+|uuid=\S+|label-id: \S+/g), ids);
      await sh('zpool', 'export', 'tank');
      await disks.release(torn);
      // Now it grows: with one copy only, and that not at the end any more, the pool would be out of sight.
      sizeMiB += 256;
      await truncate(image, sizeMiB * MIB);
      const grown = await disks.disk({ image });
      t.regex((await poolStep('tank', [grown])).told.join('\n'), /has grown/);
      t.regex(await verify(grown), SOUND);
      t.is(await filled(), sum);
      await sh('zpool', 'export', 'tank');
      await disks.release(grown);
    }
  },
);

test.serial('a growth that was cut off with no copy of the table left is gone on from', async t => {
  const image = await disks.file();
  const disk = await disks.disk({ image });
  const made = await poolStep('tank', [disk]);
  const before = await sizeOf('tank');
  const sum = await fill();
  await sh('zpool', 'export', 'tank');
  await disks.release(disk);
  await truncate(image, 1024 * MIB);
  // The new entries are at the beginning, their header is not, nor is the copy at the new end; then not even those.
  for (const length of [4, 31 * SECTOR + 4]) {
    await poke(image, Buffer.alloc(length, length === 4 ? 1 : 0), SECTOR + 88);
    const torn = await disks.disk({ image });
    const found = await auto();
    t.deepEqual([found.how, found.pool.guid], ['imported', made.pool.guid], `${length}`);
    t.true((await sizeOf('tank')) > before + 400);
    t.is(await filled(), sum);
    t.regex(await verify(torn), SOUND);
    await sh('zpool', 'export', 'tank');
    await disks.release(torn);
    await poke(image, Buffer.alloc(33 * SECTOR), 1024 * MIB - 33 * SECTOR);
  }
});

test.serial('our entry in a table that can not be read, and no pool: nothing is created over it', async t => {
  const image = await disks.file();
  const disk = await disks.disk({ image });
  await poolStep('tank', [disk]);
  await sh('zpool', 'export', 'tank');
  await disks.release(disk);
  for (const at of [SECTOR + 88, 512 * MIB - SECTOR + 88]) await poke(image, Buffer.alloc(4, 1), at);
  await poke(image, Buffer.alloc(4 * MIB), MIB);
  const lost = await disks.disk({ image });
  for (const force of [false, true])
    t.is((await refusal(t, poolStep('tank', [lost], { force }))).code, 'PARTITION_MISSING');
  await disks.disk();
  t.is((await refusal(t, auto())).code, 'DEVICE_UNREADABLE');
});

test.serial(
  'a disk that has the old name of a missing one is not touched when the pool is looked at',
  async t => {
    const [first, second, third] = [await disks.file(), await disks.file(), await disks.file()];
    const stranger = await disks.disk({ image: third });
    await poolStep('other', [stranger]);
    await sh('zpool', 'export', 'other');
    await disks.release(stranger);
    await truncate(third, 1024 * MIB);

    const [a, b] = [await disks.disk({ image: first }), await disks.disk({ image: second })];
    for (const disk of [a, b]) {
      await poolStep('tank', [disk]);
      await sh('zpool', 'destroy', 'tank');
    }
    await sh('zpool', 'create', '-f', '-m', 'none', 'tank', 'mirror', `${a}p1`, `${b}p1`);
    await sh('zpool', 'export', 'tank');
    await disks.release(b);
    t.is(await disks.disk({ image: third }), b);
    await sh('zpool', 'import', '-d', `${a}p1`, 'tank');
    t.regex(await sh('zpool', 'status', '-P', 'tank'), new RegExp(`was ${b}p1`));
    const table = await sh('sfdisk', '--dump', b);
    const sectors = await sh('blockdev', '--getsz', `${b}p1`);
    t.is((await auto()).how, 'kept');
    t.is(await sh('sfdisk', '--dump', b), table);
    t.is(await sh('blockdev', '--getsz', `${b}p1`), sectors);
  },
);

test.serial(
  'a mirror of unequal disks is as large as it gets, and nothing is tried at each import',
  async t => {
    const [small, large] = [await disks.disk(), await disks.disk({ sizeMiB: 1024 })];
    await sh('zpool', 'create', '-f', '-m', 'none', 'tank', 'mirror', small, large);
    for (let boot = 0; boot < 2; boot++) {
      await sh('zpool', 'export', 'tank');
      t.is((await poolStep('tank', [small, large])).how, 'imported');
    }
    t.notRegex(await sh('zpool', 'history', 'tank'), /zpool online/);
  },
);

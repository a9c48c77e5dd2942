// Step 1 of dm-linuxkit on the host's ZFS, whichever it is, with pools in files.
import { randomBytes } from 'node:crypto';
import { rm, stat, unlink, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { DmError } from '../../src/lib/errors.ts';
import { type Disks, makeDisks, sh } from '../helpers/disks.ts';
import { dmLinuxkit, poolStep } from '../helpers/pool-step.ts';

const id = process.env['DM_TEST'] ?? randomBytes(4).toString('hex');
let count = 0;

/** A name of a pool that the machine does not have, destroyed afterwards, and files for it. */
async function setUp(t: ExecutionContext): Promise<{ pool: string; disks: Disks }> {
  const pool = `pool-${id}-${++count}`;
  const disks = await makeDisks();
  t.teardown(async () => {
    await sh('zpool', 'destroy', '-f', pool).catch(() => undefined);
    await disks.clear();
  });
  return { pool, disks };
}

const refusal = async (t: ExecutionContext, ...args: Parameters<typeof poolStep>) =>
  (await t.throwsAsync(poolStep(...args))) as DmError;

test.serial('files that are not there become a pool; it is kept, and imported after an export', async t => {
  const { pool, disks } = await setUp(t);
  const files = [await disks.file(0), await disks.file(0)];
  const made = await poolStep(pool, files);
  t.is(made.how, 'created');
  t.is((await stat(files[0] ?? '')).size, 2 ** 30);
  t.is(await sh('zfs', 'get', '-H', '-o', 'value', 'dm-linuxkit:pool', pool), 'dm-linuxkit');
  t.is((await poolStep(pool, files)).how, 'kept');
  await sh('zpool', 'export', pool);
  const again = await poolStep(pool, [...files].reverse());
  t.is(again.how, 'imported');
  t.is(again.pool.guid, made.pool.guid);
});

test.serial('an empty file, as a power cut leaves it, is made a device', async t => {
  const { pool, disks } = await setUp(t);
  const file = await disks.file(0);
  await writeFile(file, '');
  t.is((await poolStep(pool, [file])).how, 'created');
});

test.serial('a missing file, one too many and another name are refused', async t => {
  const { pool, disks } = await setUp(t);
  const [a, b, c] = [await disks.file(0), await disks.file(0), await disks.file(0)];
  await poolStep(pool, [a, b]);
  t.is((await refusal(t, pool, [a, c])).code, 'POOL_OTHER_DEVICES');
  t.is((await refusal(t, `${pool}-other`, [a])).code, 'DEVICE_IN_USE');
  await sh('zpool', 'export', pool);
  t.is((await refusal(t, pool, [a])).code, 'POOL_MISSING_DEVICE');
  t.is((await refusal(t, pool, [a, b, c])).code, 'POOL_OTHER_DEVICES');
  t.is((await refusal(t, `${pool}-other`, [a, b])).code, 'POOL_OTHER_NAME');
  await unlink(b);
  t.is((await refusal(t, pool, [a, b])).code, 'POOL_MISSING_DEVICE');
});

test.serial('a file with a filesystem is refused by the program, and --force makes it a pool', async t => {
  const { pool, disks } = await setUp(t);
  const file = await disks.file();
  await sh('mkfs.ext4', '-q', '-F', file);
  const ended = await dmLinuxkit(pool, `--storage-device=${file}`);
  t.is(ended.exitCode, 3, ended.stderr);
  t.regex(ended.stderr, /dm-linuxkit: error: .*disk1 is not blank: it carries a filesystem \(ext4\)/);
  t.is(await sh('blkid', '-o', 'value', '-s', 'TYPE', file), 'ext4');
  t.is((await poolStep(pool, [file], { force: true })).how, 'created');
});

test.serial('too small, a directory, no directory: refused by the program', async t => {
  const { pool, disks } = await setUp(t);
  const folder = await disks.file(0);
  for (const [flags, text] of [
    [[`--storage-device=${folder}`, '--storage-size=100M'], /at least 256 MiB/],
    [['--storage-device=/usr'], /is a directory/],
    [[`--storage-device=${folder}/no/disk`], /no directory/],
  ] as const) {
    const ended = await dmLinuxkit(pool, ...flags);
    t.is(ended.exitCode, 3, ended.stderr);
    t.regex(ended.stderr, text);
  }
  await t.throwsAsync(stat(folder));
  await rm(folder, { force: true });
});

// The host's ZFS, whichever it is: a pool in a file, a snapshot, a rollback.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);

test('a pool in a file, a snapshot, a rollback', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'smoke-'));
  const image = join(folder, 'disk');
  const pool = `smoke-${process.env['DM_TEST']}`;
  await writeFile(image, '');
  await truncate(image, 128 * 2 ** 20);
  await run('zpool', ['create', '-m', join(folder, 'mnt'), pool, image]);
  try {
    await writeFile(join(folder, 'mnt/file'), 'one');
    await run('zfs', ['snapshot', `${pool}@one`]);
    await writeFile(join(folder, 'mnt/file'), 'two');
    await run('zfs', ['rollback', `${pool}@one`]);
    t.is(await readFile(join(folder, 'mnt/file'), 'utf8'), 'one');
  } finally {
    await run('zpool', ['destroy', pool]);
    await rm(folder, { recursive: true });
  }
});

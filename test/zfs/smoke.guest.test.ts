// The guest itself: the kernel's OpenZFS makes a pool on a loop device, keeps a snapshot, and lets go of both.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const lines = async (...argv: [string, ...string[]]) => {
  const [command, ...rest] = argv;
  return (await run(command, rest)).stdout.trim().split('\n');
};

test('a pool on a loop device, a snapshot of it, and nothing left', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'smoke-'));
  const image = join(folder, 'disk');
  await writeFile(image, '');
  await truncate(image, 256 * 2 ** 20);
  const [device = ''] = await lines('losetup', '--find', '--show', image);
  await run('zpool', ['create', '-m', join(folder, 'mnt'), 'smoke', device]);
  try {
    await writeFile(join(folder, 'mnt/file'), 'one');
    await run('zfs', ['snapshot', 'smoke@one']);
    await writeFile(join(folder, 'mnt/file'), 'two');
    t.is(await readFile(join(folder, 'mnt/.zfs/snapshot/one/file'), 'utf8'), 'one');
    t.deepEqual(await lines('zfs', 'list', '-Hpo', 'name', '-t', 'snapshot'), ['smoke@one']);
  } finally {
    await run('zpool', ['destroy', 'smoke']);
    await run('losetup', ['--detach', device]);
  }
  t.deepEqual(await lines('zpool', 'list', '-Ho', 'name'), ['']);
});

test('partitions of a loop device have device nodes', async t => {
  const image = join(await mkdtemp(join(tmpdir(), 'parts-')), 'disk');
  await writeFile(image, '');
  await truncate(image, 64 * 2 ** 20);
  const table = run('sfdisk', ['--quiet', image]);
  table.child.stdin?.end('label: gpt\n,16MiB\n,\n');
  await table;
  const [device = ''] = await lines('losetup', '--find', '--show', '--partscan', image);
  try {
    t.deepEqual(
      await lines('lsblk', '-nro', 'NAME', device),
      ['', 'p1', 'p2'].map(part => `${device.slice(5)}${part}`),
    );
  } finally {
    await run('losetup', ['--detach', device]);
  }
});

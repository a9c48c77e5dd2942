import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { mountsOf } from '../../../src/provision/in-use.ts';
import { checkMountpoint, findAt, mountVerdict } from '../../../src/provision/mountpoint.ts';
import { parseMountInfo } from '../../../src/system/mount-table.ts';

const WANTED = { pool: 'p', dataset: 'p/dmfs/1', subdot: '__default__' };
const mounted = (source: string, root: string) => ({
  what: 'mount' as const,
  mount: { source, root, type: 'zfs' },
});

test('a directory that is empty or missing can be used, anything else is refused by name', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'mountpoint-'));
  try {
    await mkdir(join(folder, 'empty'));
    await mkdir(join(folder, 'full'));
    await writeFile(join(folder, 'full/file'), '');
    await symlink(join(folder, 'empty'), join(folder, 'link'));
    const verdict = async (name: string) => mountVerdict(name, await findAt(join(folder, name)), WANTED);
    t.is(await verdict('absent/below'), 'make-and-mount');
    t.is(await verdict('empty'), 'mount');
    await t.throwsAsync(verdict('full'), { code: 'MOUNTPOINT_NOT_EMPTY' });
    await t.throwsAsync(verdict('link'), { code: 'MOUNTPOINT_IS_LINK' });
    await t.throwsAsync(verdict('full/file'), { code: 'MOUNTPOINT_NO_DIRECTORY' });
    await t.throwsAsync(verdict('full/file/below'), { code: 'MOUNTPOINT_UNUSABLE' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a mountpoint that leads into our own directories over a link is refused', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'mountpoint-'));
  try {
    await symlink('/var', join(folder, 'link'));
    await t.throwsAsync(checkMountpoint(join(folder, 'link/dotmesh/mnt/x'), WANTED), {
      code: 'BAD_MOUNTPOINT',
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('this very mount is kept, and any other is refused', t => {
  t.is(mountVerdict('/m', mounted('p/dmfs/1', '/__default__'), WANTED), 'keep');
  t.is(mountVerdict('/m', mounted('p/dmfs/1', '/'), { ...WANTED, subdot: '__root__' }), 'keep');
  for (const found of [
    mounted('p/dmfs/2', '/__default__'),
    mounted('p/dmfs/1', '/other'),
    mounted('p/dmfs/1', '/'),
    mounted('p/dmfs/1', '/__default__//deleted'),
    mounted('tmpfs', '/'),
  ]) {
    t.throws(() => mountVerdict('/m', found, WANTED), { code: 'MOUNTPOINT_TAKEN' });
  }
});

test('as long as the dataset is not known, a dot of this pool passes and one of another does not', t => {
  const { pool, subdot } = WANTED;
  t.is(mountVerdict('/m', mounted('p/dmfs/2', '/__default__'), { pool, subdot }), 'keep');
  t.throws(() => mountVerdict('/m', mounted('q/dmfs/2', '/__default__'), { pool, subdot }), {
    code: 'MOUNTPOINT_TAKEN',
  });
});

test("a pool's mounts are taken away newest first, and those of a pool with a longer name stay", t => {
  const table = parseMountInfo(
    [
      '20 1 0:30 / /var/dotmesh/mnt/dmfs/1 rw - zfs p/dmfs/1 rw',
      '21 1 0:30 /__default__ /var/lib/a rw - zfs p/dmfs/1 rw',
      '22 1 0:31 / /other rw - zfs p2/dmfs/1 rw',
      '23 1 0:32 / /p rw - zfs p rw',
    ].join('\n'),
  );
  t.deepEqual(
    mountsOf('p', table).map(({ mountpoint }) => mountpoint),
    ['/p', '/var/lib/a', '/var/dotmesh/mnt/dmfs/1'],
  );
});

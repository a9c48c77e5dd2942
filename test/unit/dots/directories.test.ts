import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readMetadata, writeMetadata } from '../../../src/dots/commit-files.ts';
import { asSpaceError } from '../../../src/dots/directories.ts';

test('commit metadata is written as the original reads it, and in place of what a cut left', async t => {
  const root = await mkdtemp(join(tmpdir(), 'dm-dirs-'));
  t.teardown(() => rm(root, { recursive: true }));
  await writeMetadata(root, 'c1', { author: 'admin', message: 'first', note: '' });
  t.deepEqual(JSON.parse(await readFile(join(root, 'dotmesh.metadata/c1.json'), 'utf8')), {
    author: 'YWRtaW4=',
    message: 'Zmlyc3Q=',
    note: '.',
  });
  await writeMetadata(root, 'c1', { message: 'second' });
  await writeMetadata(root, 'c2', {});
  t.deepEqual(
    [...(await readMetadata(root, ['c1', 'c2', 'c3']))],
    [
      ['c1', { message: 'second' }],
      ['c2', {}],
    ],
  );
});

test("a full pool has ZFS's code also where a file operation met it", t => {
  t.like(asSpaceError(Object.assign(new Error('x'), { code: 'ENOSPC' })), { kind: 'zfs', code: 'NO_SPACE' });
  const other = new Error('x');
  t.is(asSpaceError(other), other);
});

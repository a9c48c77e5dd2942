import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { asSpaceError, writeCommitMetadata } from '../../../src/dots/directories.ts';

test('commit metadata is written as the original reads it, and a commit is never overwritten', async t => {
  const root = await mkdtemp(join(tmpdir(), 'dm-dirs-'));
  t.teardown(() => rm(root, { recursive: true }));
  await writeCommitMetadata(root, 'c1', { author: 'admin', message: 'first', note: '' });
  t.deepEqual(JSON.parse(await readFile(join(root, 'dotmesh.metadata/c1.json'), 'utf8')), {
    author: 'YWRtaW4=',
    message: 'Zmlyc3Q=',
    note: '.',
  });
  await t.throwsAsync(writeCommitMetadata(root, 'c1', {}), { code: 'EEXIST' });
  await writeCommitMetadata(root, 'c2', {});
});

test("a full pool has ZFS's code also where a file operation met it", t => {
  t.like(asSpaceError(Object.assign(new Error('x'), { code: 'ENOSPC' })), { kind: 'zfs', code: 'NO_SPACE' });
  const other = new Error('x');
  t.is(asSpaceError(other), other);
});

// What is closed until a dot is mounted, and what of that may go again. What the kernel does: test/zfs/guard.guest.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { withAftermath } from '../../../src/provision/aftermath.ts';
import { guardVerdict } from '../../../src/provision/guard.ts';
import { addGuard, formatGuards, parseGuards } from '../../../src/provision/guard-record.ts';
import {
  clearGuardsBelow,
  GUARD_MODE,
  isOnlyGuards,
  type TreeEntry,
} from '../../../src/provision/guard-tree.ts';
import { type Found, mountVerdict } from '../../../src/provision/mountpoint.ts';
import { liesBelow, outerFirst } from '../../../src/provision/restore-mounts.ts';
import { COVER_SOURCE, isCover } from '../../../src/system/cover.ts';
import { hasImmutable } from '../../../src/system/immutable.ts';
import { processIdentity } from '../../../src/system/processes.ts';

test('what is empty or not there is closed; what will be refused, or is mounted, is left alone', t => {
  const verdicts = (['absent', 'empty', 'files', 'covered', 'link', 'no-directory'] as const).map(what =>
    guardVerdict({ what }),
  );
  t.deepEqual(verdicts, ['make', 'close', 'clear', 'is closed', 'leave', 'leave']);
  const mount: Found = { what: 'mount', mount: { source: 'p/dmfs/x', root: '/', type: 'zfs' } };
  t.is(guardVerdict(mount), 'leave');
});

test('a cover of ours is no mount of somebody else, and a dot may take its place', t => {
  t.true(isCover({ type: 'tmpfs', source: COVER_SOURCE }));
  t.false(isCover({ type: 'tmpfs', source: 'tmpfs' }));
  t.is(mountVerdict('/a', { what: 'covered' }, { pool: 'p', subdot: 'x' }), 'mount');
});

const entry = (more: Partial<TreeEntry>): TreeEntry => ({
  path: '/data/db',
  isDirectory: true,
  entries: 0,
  mode: 0o755,
  immutable: false,
  mounted: 'no',
  ...more,
});

test('only empty directories that a run closed, or was about to close, make way', t => {
  t.true(isOnlyGuards([entry({ immutable: true })]));
  t.true(isOnlyGuards([entry({ mounted: 'cover' })]));
  t.true(isOnlyGuards([entry({ mode: GUARD_MODE })]), 'cut off between mkdir and chattr');
  t.true(isOnlyGuards([entry({ entries: 1 }), entry({ immutable: true })]));
  t.true(isOnlyGuards([]));
  t.false(isOnlyGuards([entry({})]), 'an empty directory of somebody else');
  t.false(isOnlyGuards([entry({ immutable: true }), entry({ isDirectory: false })]));
  t.false(isOnlyGuards([entry({ immutable: true }), entry({ mounted: 'other' })]));
});

test('a directory that was made and not closed yet makes way with those above it; a file keeps all', async t => {
  const outer = await mkdtemp(join(tmpdir(), 'guard-'));
  try {
    await mkdir(join(outer, 'a/b'), { recursive: true, mode: GUARD_MODE });
    await writeFile(join(outer, 'file'), '');
    t.false(await clearGuardsBelow(outer));
    await rm(join(outer, 'file'));
    t.true(await clearGuardsBelow(outer));
    await mkdir(join(outer, 'plain'));
    t.false(await clearGuardsBelow(outer));
  } finally {
    await rm(outer, { recursive: true });
  }
});

test('the attribute is read from the letters before the path only', t => {
  t.true(hasImmutable('----i---------e------- /data'));
  t.false(hasImmutable('--------------e------- /data/i'));
  t.false(hasImmutable('lsattr: Operation not supported While reading flags on /i'));
  t.false(hasImmutable(''));
});

test('a record that is damaged is none, and what it says of holders is kept', t => {
  const record = '[{"path":"/b","holders":[{"pid":7,"startTime":9}]},{"path":"/a","holders":[]}]\n';
  t.deepEqual(
    [...parseGuards(record)],
    [
      ['/b', [{ pid: 7, startTime: 9 }]],
      ['/a', []],
    ],
  );
  t.deepEqual([...parseGuards(formatGuards(parseGuards(record))).keys()], ['/a', '/b']);
  for (const text of [
    '',
    '["/a"',
    '{"a":1}',
    'null',
    '["/a",3]',
    '[{"path":"a","holders":[]},{"path":"/a"}]',
  ])
    t.deepEqual([...parseGuards(text)], [], text);
});

test('a directory is held as long as one of those that closed it lives', t => {
  const self = processIdentity(process.pid);
  if (!self) return t.fail();
  const gone = { ...self, startTime: self.startTime + 1 };
  const guards = parseGuards('');
  addGuard(guards, '/a', gone);
  addGuard(guards, '/a', undefined);
  t.deepEqual(guards.get('/a'), [], 'who is gone is forgotten');
  addGuard(guards, '/a', self);
  addGuard(guards, '/a', undefined);
  addGuard(guards, '/a', self);
  t.is(guards.get('/a')?.length, 1);
});

test('outer mountpoints come before what lies in them, however they were recorded', t => {
  const part = fc.constantFrom('a', 'b', 'a-', 'a b', 'é');
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => `/${parts.join('/')}`);
  fc.assert(
    fc.property(fc.uniqueArray(path), paths => {
      const sorted = outerFirst(paths.map(Mountpoint => ({ Mountpoint }))).map(mount => mount.Mountpoint);
      return sorted.every((inner, at) => !sorted.slice(at).some(outer => liesBelow(inner, outer)));
    }),
  );
  t.false(liesBelow('/data-old/x', '/data'));
  t.false(liesBelow('/data', '/data'));
});

test('a failure says that the mountpoint stays closed, and how it is opened', t => {
  for (const [pool, flag] of [
    ['dotmesh-pool', ''],
    ['p', ' --pool-name=p'],
  ] as const) {
    const { hint } = withAftermath(new Error('x'), { progress: 'looking', pool, closed: '/var/lib/pg' });
    t.is(
      hint,
      `Nothing was changed on the disks. /var/lib/pg stays closed until its dot is mounted; "dm-linuxkit unmount /var/lib/pg${flag}" opens it.`,
    );
  }
});

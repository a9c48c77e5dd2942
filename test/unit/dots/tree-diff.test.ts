import { copyFile, link, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { diffTrees } from '../../../src/dots/tree-diff.ts';
import { changesOf } from '../../../src/dots/zfs-changes.ts';
import { parseDiffLine } from '../../../src/zfs/diff.ts';

async function two(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'dm-diff-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const [before, after] = [join(folder, 'before'), join(folder, 'after')];
  for (const root of [before, after]) await mkdir(join(root, 'sub/deep'), { recursive: true });
  return { folder, before, after };
}

const everything = () => true;
/** Later than every file here: times of change count. */
const LATER = 2 ** 33;

async function diff(before: string, after: string, since = LATER): Promise<string[]> {
  const changes = await diffTrees(before, after, since, everything);
  return changes
    .filter(({ change, kind }) => change !== 'M' || kind !== 'folder')
    .map(({ change, path, from }) => `${change} ${from === undefined ? '' : `${from} > `}${path}`);
}

test('a file is changed when its content is, whatever its times say', async t => {
  const { before, after } = await two(t);
  for (const [name, old, now] of [
    ['same', 'abc', 'abc'],
    ['content', 'abc', 'abd'],
    ['size', 'abc', 'abcd'],
  ] as const) {
    await writeFile(join(before, 'sub', name), old);
    await writeFile(join(after, 'sub', name), now);
    for (const root of [before, after]) await utimes(join(root, 'sub', name), 1, 1);
  }
  await utimes(join(after, 'sub/same'), 2, 2);
  t.deepEqual(await diff(before, after), ['M sub/content', 'M sub/size']);
});

test('what came, went, became something else or has another name is told; a whole directory once', async t => {
  const { before, after } = await two(t);
  const big = 'x'.repeat(300_000);
  for (const name of ['old', 'sub/deep/a']) await writeFile(join(before, name), big);
  await writeFile(join(before, 'file'), '');
  await mkdir(join(after, 'file'));
  await writeFile(join(after, 'file/in'), '');
  // Names are one inode: hard links stand for the same file in two states of a filesystem.
  await link(join(before, 'old'), join(after, 'new'));
  await link(join(before, 'sub/deep/a'), join(after, 'sub/deep/b'));
  t.deepEqual(await diff(before, after), [
    '- file',
    '+ file',
    '+ file/in',
    'R old > new',
    'R sub/deep/a > sub/deep/b',
  ]);
});

test('a link is compared as a link, and never followed', async t => {
  const { folder, before, after } = await two(t);
  await mkdir(join(folder, 'outside'));
  await writeFile(join(folder, 'outside/secret'), 'x');
  await symlink('a', join(before, 'sub/link'));
  await symlink('b', join(after, 'sub/link'));
  await symlink(join(folder, 'outside'), join(after, 'sub/way-out'));
  t.deepEqual(await diff(before, after), ['M sub/link', '+ sub/way-out']);
});

test('what zfs diff names is looked at, and told as the walk would tell it', async t => {
  const { before, after } = await two(t);
  const rows = ['M\t/\t/dot/sub', 'M\tF\t/dot/sub/touched', 'M\tF\t/dot/sub/changed\t(+1)'];
  for (const root of [before, after]) await writeFile(join(root, 'sub/touched'), 'same');
  await writeFile(join(before, 'sub/changed'), 'a');
  await writeFile(join(after, 'sub/changed'), 'b');
  await writeFile(join(before, 'sub/replaced'), 'same');
  await copyFile(join(before, 'sub/replaced'), join(after, 'sub/replaced'));
  rows.push('-\tF\t/dot/sub/replaced', '+\tF\t/dot/sub/replaced');
  await writeFile(join(before, 'sub/ä'), 'a');
  await writeFile(join(after, 'sub/b c'), 'a');
  rows.push('R\tF\t/dot/sub/\\0303\\0244\t/dot/sub/b\\0040c');
  await writeFile(join(before, 'sub/tmp'), 'b');
  await writeFile(join(before, 'sub/over'), 'a');
  await writeFile(join(after, 'sub/over'), 'b');
  rows.push('R\tF\t/dot/sub/tmp\t/dot/sub/over', '-\tF\t/dot/sub/over');
  rows.push(
    '+\tF\t/dot/sub/gone-meanwhile',
    'M\tF\t/dot/bookkeeping/x',
    'M\tF\t/elsewhere/x',
    'nonsense',
    '',
  );
  const found = await changesOf(
    rows.flatMap(line => parseDiffLine(line) ?? []),
    '/dot',
    before,
    after,
    LATER,
    name => name !== 'bookkeeping',
  );
  t.deepEqual(
    found
      .filter(({ kind }) => kind !== 'folder')
      .map(({ change, path, from }) => `${change} ${from ? `${Buffer.from(from, 'latin1')} > ` : ''}${path}`),
    ['R sub/ä > sub/b c', 'M sub/changed', 'M sub/over', '- sub/tmp'],
  );
});

test('a directory that becomes a link while we look leads nowhere', async t => {
  const { folder, before, after } = await two(t);
  await mkdir(join(folder, 'outside'));
  await writeFile(join(folder, 'outside/secret'), 'x');
  await rename(join(after, 'sub'), join(folder, 'aside'));
  await symlink(join(folder, 'outside'), join(after, 'sub'));
  const found = await changesOf(
    [{ change: '+', isFolder: false, path: '/dot/sub/secret' }],
    '/dot',
    before,
    after,
    LATER,
    everything,
  );
  t.deepEqual(found, []);
});

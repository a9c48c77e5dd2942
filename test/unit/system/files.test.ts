import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  isEmptyDirectory,
  makePrivateDirectory,
  readIfThere,
  writeFileAtomic,
} from '../../../src/system/files.ts';

const mode = async (path: string) => (await stat(path)).mode & 0o777;

async function folder(t: { teardown(fn: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'files-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('a file that is not there, or lies under a file, reads as undefined', async t => {
  const dir = await folder(t);
  await writeFile(join(dir, 'a'), 'x');
  t.is(await readIfThere(join(dir, 'a')), 'x');
  t.is(await readIfThere(join(dir, 'b')), undefined);
  t.is(await readIfThere(join(dir, 'a/b')), undefined);
  await t.throwsAsync(readIfThere(dir), { code: 'EISDIR' });
});

test('an atomic write replaces the file, is private whatever stood there, and leaves nothing aside', async t => {
  const dir = await folder(t);
  const path = join(dir, 'state');
  await writeFile(path, 'old', { mode: 0o666 });
  await chmod(path, 0o666);
  await writeFileAtomic(path, 'new');
  t.is(await readIfThere(path), 'new');
  t.is(await mode(path), 0o600);
  await writeFileAtomic(path, 'newer', { mode: 0o644 });
  t.is(await mode(path), 0o644);
  t.deepEqual(await readdir(dir), ['state']);
});

test('an atomic write that fails leaves the old file and nothing aside', async t => {
  const dir = await folder(t);
  await mkdir(join(dir, 'taken/inside'), { recursive: true });
  await t.throwsAsync(writeFileAtomic(join(dir, 'taken'), 'x'));
  t.deepEqual(await readdir(dir), ['taken']);
});

test('an atomic write replaces a symbolic link and does not follow it', async t => {
  const dir = await folder(t);
  await writeFile(join(dir, 'target'), 'theirs');
  await symlink(join(dir, 'target'), join(dir, 'link'));
  await writeFileAtomic(join(dir, 'link'), 'ours');
  t.is(await readIfThere(join(dir, 'target')), 'theirs');
  t.is(await readIfThere(join(dir, 'link')), 'ours');
});

test('only a directory without entries is an empty directory', async t => {
  const dir = await folder(t);
  t.true(await isEmptyDirectory(dir));
  await writeFile(join(dir, 'a'), '');
  t.false(await isEmptyDirectory(dir));
  t.false(await isEmptyDirectory(join(dir, 'a')));
  t.false(await isEmptyDirectory(join(dir, 'b')));
});

test('a private directory is private also when it was there and open', async t => {
  const dir = await folder(t);
  await makePrivateDirectory(join(dir, 'a/b'));
  t.is(await mode(join(dir, 'a/b')), 0o700);
  await chmod(join(dir, 'a/b'), 0o777);
  await makePrivateDirectory(join(dir, 'a/b'));
  t.is(await mode(join(dir, 'a/b')), 0o700);
});

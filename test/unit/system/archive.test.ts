import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pack, unpack } from '../../../src/system/archive.ts';

async function bytesOf(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function entries(bytes: Buffer, size: number): Promise<[string, string, number][]> {
  const found: [string, string, number][] = [];
  await unpack(cut(bytes, size), async ({ path, kind, body }) => {
    found.push([path, kind, (await bytesOf(body)).length]);
  });
  return found;
}

test('what is packed is unpacked, however the stream is cut; links stay out', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'dm-archive-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, '@odd/deep'), { recursive: true });
  await writeFile(join(folder, '@odd/big'), Buffer.alloc(700_000, 7));
  await writeFile(join(folder, '@odd/deep/ünï'), '');
  await symlink('/etc/passwd', join(folder, '@odd/link'));
  const bytes = await bytesOf(pack(folder, '@odd'));
  const expected = [
    ['@odd/', 'folder', 0],
    ['@odd/big', 'file', 700_000],
    ['@odd/deep/', 'folder', 0],
    ['@odd/deep/ünï', 'file', 0],
  ];
  for (const size of [100, 512, 65_536, 10_000_000]) {
    t.deepEqual((await entries(bytes, size)).sort(), expected as [string, string, number][], String(size));
  }
});

test('what is no archive, or half of one, is refused; what a taker throws ends it', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'dm-archive-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'file'), Buffer.alloc(100_000, 7));
  const bytes = await bytesOf(pack(folder, 'file'));
  await t.throwsAsync(entries(Buffer.alloc(5000, 'x'), 1000), { code: 'BAD_ARCHIVE' });
  await t.throwsAsync(entries(bytes.subarray(0, 50_000), 1000), { code: 'BAD_ARCHIVE' });
  const full = unpack(cut(bytes, 1000), async () => {
    throw new Error('no space');
  });
  await t.throwsAsync(full, { message: 'no space' });
});

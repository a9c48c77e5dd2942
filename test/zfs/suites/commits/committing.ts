/** Commits: what is in them, who made them, and that they are there after a restart. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import type { DotmeshVolume } from '../../../../src/wire/methods.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';
import { Repo } from './repo.ts';

export function committingSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial('a commit holds the files and its own metadata, and leaves nothing uncommitted', async t => {
    const repo = await Repo.make(bed(), 'made');
    await repo.write('file', 'one');
    const { result, error } = await bed().call('Commit', {
      ...repo.ref(),
      Message: 'first <&>',
      Metadata: null,
    });
    t.is(error, undefined);
    const commit = String(result);
    const [volume] = await volumesOf(repo);
    t.like(volume, { CommitCount: 2, DirtyBytes: 0 });
    await repo.write('file', 'two');
    await repo.grow('look', commit);
    t.is(await repo.read('file', 'look'), 'one');
    const directory = join(await repo.path('look'), '..', 'dotmesh.metadata');
    t.is((await readdir(directory)).length, 2);
    const held = JSON.parse(await readFile(join(directory, `${commit}.json`), 'utf8'));
    t.is(Buffer.from(held.message, 'base64').toString(), 'first <&>');
    t.is(Buffer.from(held.author, 'base64').toString(), 'admin');
    t.regex(Buffer.from(held.timestamp, 'base64').toString(), /^\d{19}$/);
  });

  test.serial('the author is the login as it was sent', async t => {
    const repo = await Repo.make(bed(), 'author');
    const login = '00000000-0000-0000-0000-000000000000';
    const asking = { auth: `${login}:${bed().at.key}` };
    const { error } = await bed().call('Commit', { ...repo.ref(), Message: 'm', Metadata: null }, asking);
    t.is(error, undefined);
    await repo.commit('over the socket');
    await repo.commit('given', '', { author: 'somebody' });
    const authors = (await repo.commits()).map(({ Metadata }) => Metadata.author);
    t.deepEqual(authors, ['admin', login, 'admin', 'somebody']);
  });

  test.serial('commits at once all succeed, with rising times, also across a restart', async t => {
    const repo = await Repo.make(bed(), 'atonce');
    const ids = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(text => repo.commit(text)));
    t.is(new Set(ids).size, 5);
    await bed().stopServer('SIGKILL');
    await bed().up();
    await repo.commit('after');
    const commits = await repo.commits();
    t.deepEqual(
      commits
        .slice(1, -1)
        .map(({ Id }) => Id)
        .sort(),
      [...ids].sort(),
    );
    const times = commits.map(({ Metadata }) => BigInt(Metadata.timestamp ?? 0));
    t.true(times.every((time, at) => at === 0 || time > (times[at - 1] ?? 0n)));
  });

  test.serial('the largest metadata travels there and back, after a restart too', async t => {
    const repo = await Repo.make(bed(), 'large');
    // Two bytes a letter.
    const fields = Array.from({ length: 100 }, (_, at) => [`ключ${at}`, `${at} `.padEnd(32_765, 'é')]);
    const metadata = Object.fromEntries(fields);
    const id = await repo.commit('large', '', metadata);
    const look = async () => (await repo.commits()).find(({ Id }) => Id === id)?.Metadata ?? {};
    const before = await look();
    t.is(Object.keys(before).length, 103);
    t.true(fields.every(([key = '', value]) => before[key] === value));
    await bed().stopServer();
    await bed().up();
    t.deepEqual(await look(), before);
    const over = await bed().call('Commit', {
      ...repo.ref(),
      Message: '',
      Metadata: { ...metadata, one: '' },
    });
    t.regex(over.error ?? '', /at most 100 metadata fields/);
    const capital = await bed().call('Commit', { ...repo.ref(), Message: '', Metadata: { Big: '' } });
    t.is(capital.error, 'Metadata field names must start with lowercase characters: Big');
  });

  test.serial('an id can be asked for once', async t => {
    const repo = await Repo.make(bed(), 'ids');
    t.is(await repo.commit('x', '', { '#commit-id': 'v 1:2.3_x' }), 'v 1:2.3_x');
    const params = { ...repo.ref(), Message: 'y', Metadata: { '#commit-id': 'v 1:2.3_x' } };
    t.regex(
      (await bed().call('Commit', params)).error ?? '',
      /^There is a commit v 1:2.3_x in admin\/ids already/,
    );
    t.is((await repo.commits()).length, 2);
    t.is(await repo.back('v 1:2.3_x'), '');
  });
}

export async function volumesOf(repo: Repo): Promise<DotmeshVolume[]> {
  const list = await repo.bed.admin<Record<string, Record<string, DotmeshVolume>>>('List', null);
  return Object.values(list['admin'] ?? {}).filter(({ Name }) => Name.Name === repo.name);
}

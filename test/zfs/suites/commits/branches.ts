/** Branches, tags, new names: what they are on the disk, after a restart too. */

import { lstat } from 'node:fs/promises';
import type { TestFn } from 'ava';
import type { ServerBed } from '../../../helpers/server-bed.ts';
import { Repo } from './repo.ts';

export function branchesSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial('branches have their own files and share the commits that they grew from', async t => {
    const repo = await Repo.make(bed(), 'tree');
    await repo.write('file', 'one');
    const one = await repo.commit('one');
    await repo.write('file', 'two');
    await repo.commit('two');
    await repo.grow('b1', one);
    t.is(await repo.read('file', 'b1'), 'one');
    await repo.write('file', 'on b1', 'b1');
    await repo.commit('on b1', 'b1');
    await repo.grow('b2', one, 'b1');
    await repo.grow('b3', '', 'b1');
    await repo.write('file', 'uncommitted on b1', 'b1');
    await bed().stopServer('SIGKILL');
    await bed().up();
    t.deepEqual(await bed().admin('Branches', repo.dot), ['b1', 'b2', 'b3']);
    t.deepEqual(await Promise.all(['', 'b1', 'b2', 'b3'].map(branch => repo.read('file', branch))), [
      'two',
      'uncommitted on b1',
      'one',
      'on b1',
    ]);
    t.deepEqual(await repo.log('b3'), ['Initial commit', 'one', 'on b1']);
    t.deepEqual(
      (await repo.history('b3')).map(({ Branch }) => Branch),
      ['', '', 'b1'],
    );
    t.deepEqual(await repo.commits('b2'), []);
    t.regex((await bed().call('DeleteBranch', repo.ref('b1'))).error ?? '', /b3 grew from it/);
    const datasets = await bed().datasets();
    for (const branch of ['b3', 'b2', 'b1']) t.is(await bed().admin('DeleteBranch', repo.ref(branch)), true);
    t.is((await bed().datasets()).length, datasets.length - 3);
    t.deepEqual(await bed().admin('Branches', repo.dot), []);
  });

  test.serial('tags survive, and make nothing dirty', async t => {
    const repo = await Repo.make(bed(), 'tagged');
    await repo.write('file', 'one');
    const one = await repo.commit('one');
    const two = await repo.commit('two');
    await repo.tag('v1', one);
    await repo.tag('moved', one);
    await repo.tag('moved', two);
    t.is(await repo.back(two, { IfNothingLost: true }), '');
    await bed().stopServer('SIGKILL');
    await bed().up();
    t.deepEqual(
      (await repo.history()).map(({ Tags }) => Tags),
      [[], ['v1'], ['moved']],
    );
    await bed().admin('Untag', { ...repo.dot, Tag: 'v1' });
    t.is(await repo.back(one), '');
    t.deepEqual(
      (await repo.history()).map(({ Tags }) => Tags),
      [[], []],
    );
  });

  test.serial(
    'a dot and a branch have their new names after a restart, and the old ones are free',
    async t => {
      const repo = await Repo.make(bed(), 'before');
      await repo.write('file', 'kept');
      await repo.commit('one');
      await repo.grow('b1');
      const link = await repo.path('b1');
      const id = await repo.id();
      await bed().admin('RenameBranch', { ...repo.ref('b1'), NewBranchName: 'b2' });
      await bed().admin('RenameDot', { ...repo.dot, NewNamespace: 'admin', NewName: 'after' });
      await bed().stopServer('SIGKILL');
      await bed().up();
      t.is(await bed().admin('Lookup', bed().dot('after')), id);
      t.is(await bed().admin('Exists', bed().dot('before')), '');
      t.deepEqual(await bed().admin('Branches', { Namespace: 'admin', Name: 'after' }), ['b2']);
      const moved = link.replace('before@b1', 'after@b2');
      t.is(
        await bed().admin('Procure', { Namespace: 'admin', Name: 'after@b2', Subdot: '__default__' }),
        moved,
      );
      t.true((await lstat(moved)).isDirectory());
      await Repo.make(bed(), 'before');
      t.is((await bed().datasetsNamed('after')).length, 2);
    },
  );
}

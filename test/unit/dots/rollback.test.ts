import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { UsersOf } from '../../../src/dots/context.ts';
import { DmError } from '../../../src/lib/errors.ts';
import { PROPERTY } from '../../../src/model/layout.ts';
import type { Methods } from '../../../src/wire/methods.ts';
import { admin, branchRef, commitParams, mountParams, ref, withShop } from '../../helpers/workshop.ts';

async function withDot(t: { teardown(fn: () => unknown): void }, usersOf?: UsersOf) {
  const shop = await withShop(t, usersOf ? { usersOf } : {});
  const { workshop, caller, root } = shop;
  const file = join(root, '__default__', 'file');
  const commit = async (text: string, Branch = '') => {
    if (Branch === '') await writeFile(file, text);
    return workshop.commits.commit(caller, commitParams('shop', text, { Branch }));
  };
  const back = (SnapshotId: string, more: Partial<Methods['Rollback']['params']> = {}) =>
    workshop.commits.rollback(caller, { ...branchRef('shop'), SnapshotId, ...more });
  const ids = async () => (await workshop.commits.list(caller, branchRef('shop'))).map(({ Id }) => Id);
  return { ...shop, file, commit, back, ids };
}

test('a rollback takes files and commits back, and the branches that grew from later ones, and no others', async t => {
  const { b, workshop, caller, file, commit, grow, back, ids } = await withDot(t);
  const one = await commit('one');
  await grow('stays', one);
  const two = await commit('two');
  await grow('goes');
  await commit('on goes', 'goes');
  await grow('goes-too', '', 'goes');
  await workshop.commits.tag(caller, { ...branchRef('shop'), CommitId: two, Tag: 'v2' });
  await writeFile(file, 'uncommitted');

  const losses = await workshop.commits.previewRollback(caller, { ...branchRef('shop'), SnapshotId: one });
  t.deepEqual(
    { ...losses, Commits: losses.Commits.map(({ Id }) => Id) },
    {
      Commits: [two],
      Branches: ['goes-too', 'goes'],
      DirtyBytes: 512,
      Subdots: [],
      Users: [],
    },
  );
  const refused = await t.throwsAsync(back(one, { IfNothingLost: true }), { code: 'LOSSES' });
  t.is(
    refused?.message,
    `Going back to ${one} would destroy 1 commit (${two}), 2 branches (goes-too, goes) and 512 bytes that no commit has: it is not done.`,
  );
  t.is(await readFile(file, 'utf8'), 'uncommitted');

  await back(one);
  t.is(await readFile(file, 'utf8'), 'one');
  t.is((await ids()).at(-1), one);
  t.deepEqual(workshop.branches.list(caller, ref('shop')), ['stays']);
  const tags = (await workshop.commits.history(caller, branchRef('shop'))).flatMap(({ Tags }) => Tags);
  t.deepEqual(tags, []);
  t.false(
    PROPERTY.rollback in
      (b.fake.datasets.get(`tank/dmfs/${(await workshop.dots.list(caller))[0]?.Id}`)?.properties ?? {}),
  );
  const mine = { Metadata: { '#commit-id': two } };
  await workshop.commits.commit(caller, commitParams('shop', 'again', mine));
  t.is((await workshop.commits.list(caller, branchRef('shop'))).at(-1)?.Metadata.message, 'again');
  await workshop.close();
});

test('what is no commit of the branch itself is refused', async t => {
  const { workshop, caller, commit, grow, back } = await withDot(t);
  const one = await commit('one');
  await grow('b1');
  await t.throwsAsync(back(''), { message: 'snapshot cannot be empty' });
  await t.throwsAsync(back('a/b'), { message: /^invalid snapshot name/ });
  await t.throwsAsync(back('nothing'), { message: /^Cannot find commit with id nothing for filesystem / });
  await t.throwsAsync(back(one, { Branch: 'b1' }), {
    code: 'COMMIT_INHERITED',
    message: `The commit ${one} was made on master: b1 can not go back to it.`,
  });
  t.deepEqual(workshop.branches.list(caller, ref('shop')), ['b1']);
  await workshop.close();
});

test('while processes have files open it is refused and names them, unless it is forced', async t => {
  const { workshop, file, commit, back } = await withDot(t, async () => [{ pid: 42, command: 'postgres' }]);
  const one = await commit('one');
  await commit('two');
  const error = await t.throwsAsync(back(one), { code: 'DOT_IN_USE' });
  t.is(error?.message, 'The branch master of admin/shop is in use: postgres (process 42).');
  t.is(await readFile(file, 'utf8'), 'two');
  await back(one, { Force: true });
  t.is(await readFile(file, 'utf8'), 'one');
  await workshop.close();
});

test('a mounted subdot that the commit lacks is made again as it was', async t => {
  const { workshop, root, commit, back } = await withDot(t);
  const one = await commit('one');
  await workshop.dots.prepareMount(
    mountParams('shop', { Subdot: 'late', Mode: '0750', Mountpoint: '/late' }),
  );
  await writeFile(join(root, 'late', 'file'), 'gone');
  await mkdir(join(root, 'unmounted'));
  await back(one);
  t.is((await stat(join(root, 'late'))).mode & 0o7777, 0o750);
  t.false(existsSync(join(root, 'late', 'file')));
  t.false(existsSync(join(root, 'unmounted')));
  t.deepEqual(
    (await workshop.dots.mounts()).map(({ Fault }) => Fault),
    [''],
  );
  await workshop.close();
});

test('a commit during a rollback waits for it', async t => {
  let during: Promise<string> | undefined;
  const { workshop, commit, back, ids } = await withDot(t, async () => {
    during = say('during');
    return [];
  });
  const say = (text: string) => workshop.commits.commit(admin(workshop), commitParams('shop', text));
  const one = await commit('one');
  await commit('two');
  await back(one);
  const made = await during;
  t.deepEqual((await ids()).slice(1), [one, made ?? '']);
  await workshop.close();
});

test('a rollback that was cut is finished at the next start', async t => {
  const { b, workshop, caller, id, file, commit, grow } = await withDot(t);
  const one = await commit('one');
  await commit('two');
  await grow('goes');
  await workshop.close();
  const dataset = b.fake.datasets.get(`tank/dmfs/${id}`);
  if (dataset) dataset.properties[PROPERTY.rollback] = one;
  const again = await b.start();
  t.is(await readFile(file, 'utf8'), 'one');
  t.deepEqual(again.branches.list(caller, ref('shop')), []);
  t.is((await again.commits.list(caller, branchRef('shop'))).at(-1)?.Id, one);
  t.false(PROPERTY.rollback in (dataset?.properties ?? {}));
  await again.close();
});

test('as long as the mark of a rollback stays, nothing is committed that the next start would undo', async t => {
  const { b, workshop, commit, back } = await withDot(t);
  const one = await commit('one');
  const no = () => b.fake.fail.set('inherit', new DmError('zfs', 'ZFS_FAILED', 'no'));
  no();
  await back(one);
  no();
  await t.throwsAsync(commit('two'), { code: 'ZFS_FAILED' });
  const three = await commit('three');
  await workshop.close();
  const again = await b.start();
  t.is((await again.commits.list(admin(again), branchRef('shop'))).at(-1)?.Id, three);
  await again.close();
});

test('a rollback that ZFS refuses changes nothing that is known', async t => {
  const { b, workshop, id, commit, back, ids } = await withDot(t);
  const one = await commit('one');
  const two = await commit('two');
  b.fake.fail.set('rollback', new DmError('zfs', 'ZFS_FAILED', 'no'));
  await t.throwsAsync(back(one), { code: 'ZFS_FAILED' });
  t.is((await ids()).at(-1), two);
  t.false(PROPERTY.rollback in (b.fake.datasets.get(`tank/dmfs/${id}`)?.properties ?? {}));
  await workshop.close();
});

test('a rollback that has no space gets what was kept back for it', async t => {
  const { b, workshop, file, commit, back } = await withDot(t);
  const one = await commit('one');
  await commit('two');
  b.fake.commands.length = 0;
  b.fake.fail.set('rollback', new DmError('zfs', 'NO_SPACE', 'full'));
  await back(one);
  t.is(await readFile(file, 'utf8'), 'one');
  const about = b.fake.commands.filter(command => /^rollback|^set tank\/dmfs$/.test(command));
  t.deepEqual(
    about.map(command => command.split(' ')[0]),
    ['rollback', 'set', 'rollback', 'set'],
  );
  await workshop.close();
});

test('commits that a failed rollback destroyed are not listed any more', async t => {
  const { b, workshop, commit, back, ids } = await withDot(t);
  const one = await commit('one');
  const two = await commit('two');
  const three = await commit('three');
  b.fake.fail.set('rollback', new DmError('zfs', 'ZFS_HUNG', 'no'));
  b.fake.taken.splice(
    b.fake.taken.findIndex(({ id }) => id === three),
    1,
  );
  await t.throwsAsync(back(one), { code: 'ZFS_HUNG' });
  t.deepEqual((await ids()).slice(1), [one, two]);
  await workshop.close();
});

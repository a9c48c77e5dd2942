import { lstat, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { PROPERTY } from '../../../src/model/layout.ts';
import {
  admin,
  branchRef,
  commitParams,
  mountParams,
  ref,
  stranger,
  withShop,
} from '../../helpers/workshop.ts';

async function withDot(t: { teardown(fn: () => unknown): void }) {
  const shop = await withShop(t);
  const { workshop, caller } = shop;
  const commit = (message: string, Branch = '') =>
    workshop.commits.commit(caller, commitParams('shop', message, { Branch }));
  const messages = async (Branch = '') =>
    (await workshop.commits.history(caller, branchRef('shop', Branch))).map(one => [
      one.Branch,
      one.Metadata.message,
    ]);
  return { ...shop, commit, messages };
}

test('a branch grows from any commit of its source, inherited ones too, and has their history', async t => {
  const { b, workshop, caller, commit, grow, messages } = await withDot(t);
  const one = await commit('one');
  await commit('two');
  await grow('b1', one);
  await commit('on b1', 'b1');
  await grow('b2', one, 'b1');
  await grow('b3', '', 'b1');
  await grow('b4', '', '');
  t.deepEqual(workshop.branches.list(caller, ref('shop')), ['b1', 'b2', 'b3', 'b4']);
  const master = [
    ['', 'Initial commit'],
    ['', 'one'],
  ];
  t.deepEqual(await messages('b1'), [...master, ['b1', 'on b1']]);
  t.deepEqual(await messages('b2'), master);
  t.deepEqual(await messages('b3'), [...master, ['b1', 'on b1']]);
  t.deepEqual(await messages('b4'), [...master, ['', 'two']]);
  t.deepEqual(await workshop.commits.list(caller, branchRef('shop', 'b2')), []);
  await workshop.close();
  const again = await b.start();
  t.deepEqual(await messages('b3'), [...master, ['b1', 'on b1']]);
  t.deepEqual(again.branches.list(caller, ref('shop')), ['b1', 'b2', 'b3', 'b4']);
  const keys = (await b.etcd.list('dotmesh.io/registry/clones/')).map(({ key }) => key.split('/').at(-1));
  t.deepEqual(keys.sort(), ['b1', 'b2', 'b3', 'b4']);
  await again.close();
});

test('what can not be a branch is refused, and nothing is made', async t => {
  const { b, workshop, caller, grow, commit } = await withDot(t);
  await grow('b1');
  const later = await commit('later');
  b.fake.commands.length = 0;
  await t.throwsAsync(grow('b1'), { message: 'Branch already exists: b1' });
  await t.throwsAsync(grow('master'), { message: 'Branch already exists: master' });
  await t.throwsAsync(grow(''), { code: 'INVALID_NAME' });
  await t.throwsAsync(grow('a b'), { message: /^invalid branch name/ });
  await t.throwsAsync(grow('-b'), { code: 'INVALID_NAME' });
  await t.throwsAsync(grow('b2', 'nothing'), {
    message: /^Cannot find commit with id nothing for filesystem/,
  });
  await t.throwsAsync(grow('b2', later, 'b1'), { code: 'COMMIT_MISSING' });
  await t.throwsAsync(grow('b2', 'a/b'), { message: /^invalid snapshot name/ });
  await t.throwsAsync(grow('b2', '', 'nobody'), { message: /^No clone named 'nobody'/ });
  t.deepEqual(b.fake.commands, []);
  b.fake.fail.set('clone', new DmError('zfs', 'NO_SPACE', 'full'));
  await t.throwsAsync(grow('b2'), { code: 'NO_SPACE' });
  t.deepEqual(workshop.branches.list(caller, ref('shop')), ['b1']);
  await workshop.close();
});

test('of two who make one branch at once, one is told that it exists', async t => {
  const { workshop, grow } = await withDot(t);
  const ends = await Promise.allSettled([grow('b1'), grow('b1')]);
  t.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await workshop.close();
});

test('a branch that another grew from is not deleted, a leaf is, with all that belongs to it', async t => {
  const { b, workshop, caller, grow } = await withDot(t);
  const drop = (name: string, by = caller) => workshop.branches.delete(by, branchRef('shop', name));
  await grow('b1');
  await workshop.commits.commit(caller, commitParams('shop', 'x', { Branch: 'b1' }));
  await grow('b2', '', 'b1');
  await workshop.dots.prepareMount(mountParams('shop', { Branch: 'b2' }));
  await t.throwsAsync(drop('b1'), { message: 'The branch b1 can not be deleted: b2 grew from it.' });
  await t.throwsAsync(drop('master'), { code: 'MASTER_BRANCH' });
  await t.throwsAsync(drop(''), { code: 'MASTER_BRANCH' });
  await t.throwsAsync(drop('b2', stranger), { message: /^No such filesystem named/ });
  await drop('b2');
  await drop('b1');
  t.deepEqual(workshop.branches.list(caller, ref('shop')), []);
  t.is((await workshop.dots.mounts()).length, 0);
  t.deepEqual(await b.etcd.list('dotmesh.io/registry/clones/'), []);
  t.is([...b.fake.datasets.keys()].length, 3);
  await workshop.close();
});

test('the deletion of a branch that was cut is finished at the next start, and of no other', async t => {
  const { b, workshop, caller, grow } = await withDot(t);
  await grow('b1');
  await grow('b2');
  await workshop.close();
  for (const { properties } of b.fake.datasets.values()) {
    if (properties[PROPERTY.branch] === 'b1') properties[PROPERTY.deleting] = 'true';
  }
  const again = await b.start();
  t.deepEqual(again.branches.list(caller, ref('shop')), ['b2']);
  t.is([...b.fake.datasets.keys()].length, 4);
  await again.close();
});

test('a branch has its new name everywhere', async t => {
  const { b, workshop, caller, grow } = await withDot(t);
  await grow('b1');
  await grow('b2');
  await workshop.dots.prepareMount(mountParams('shop', { Branch: 'b1' }));
  const link = await workshop.dots.procure(caller, { ...ref('shop@b1'), Subdot: '' });
  const leads = await readlink(link);
  const rename = (Branch: string, NewBranchName: string) =>
    workshop.branches.rename(caller, { ...branchRef('shop', Branch), NewBranchName });
  await t.throwsAsync(rename('b1', 'b2'), { message: 'Branch already exists: b2' });
  await t.throwsAsync(rename('master', 'b3'), { code: 'MASTER_BRANCH' });
  await t.throwsAsync(rename('b1', 'master'), { code: 'INVALID_NAME' });
  await rename('b1', 'b3');
  t.deepEqual(workshop.branches.list(caller, ref('shop')), ['b2', 'b3']);
  t.like((await workshop.dots.mounts())[0], { Branch: 'b3', Fault: '' });
  t.is(await readlink(link.replace('@b1', '@b3')), leads);
  await t.throwsAsync(lstat(link), { code: 'ENOENT' });
  const keys = (await b.etcd.list('dotmesh.io/registry/clones/')).map(({ key }) => key.split('/').at(-1));
  t.deepEqual(keys.sort(), ['b2', 'b3']);
  await workshop.close();
});

test('a dot has its new name everywhere, its branches too, and keeps its id', async t => {
  const { b, workshop, caller, id, grow, root } = await withDot(t);
  await grow('b1');
  await workshop.dots.create(caller, ref('other'));
  await workshop.dots.prepareMount(mountParams('shop'));
  await writeFile(join(root, '__default__', 'file'), 'kept');
  const link = await workshop.dots.procure(caller, { ...ref('shop'), Subdot: '' });
  const rename = (NewName: string, NewNamespace = 'admin') =>
    workshop.branches.renameDot(caller, { ...ref('shop'), NewNamespace, NewName });
  await t.throwsAsync(rename('other'), { message: /^A volume called admin\/other already exists with id / });
  await t.throwsAsync(rename('shop'), { code: 'DOT_EXISTS' });
  await t.throwsAsync(rename('-x'), { code: 'INVALID_NAME' });
  await t.throwsAsync(rename('x', 'nobody'), { message: 'Unable to locate owner nobody.' });
  await rename('store');
  const look = async (now: typeof workshop) => {
    t.is(now.dots.lookup(admin(now), branchRef('store')), id);
    t.is(now.dots.exists(admin(now), branchRef('shop')), '');
    t.deepEqual(now.branches.list(caller, ref('store')), ['b1']);
    t.like((await now.dots.mounts())[0], { Name: 'store', Fault: '' });
    const keys = (await b.etcd.list('dotmesh.io/registry/filesystems/')).map(({ key }) =>
      key.split('/').at(-1),
    );
    t.deepEqual(keys.sort(), ['other', 'store']);
  };
  await look(workshop);
  t.is(await readFile(join(link.replace('shop', 'store'), '__default__', 'file'), 'utf8'), 'kept');
  await workshop.dots.create(caller, ref('shop'));
  await workshop.dots.delete(caller, ref('shop'));
  await workshop.close();
  const again = await b.start();
  await look(again);
  await again.close();
});

for (const [what, cutAt] of [
  ['decided', 'mark'],
  ['half written', 'namespace'],
] as const) {
  test(`a renaming that was cut when it was ${what} is finished at the next start`, async t => {
    const { b, workshop, caller, id, grow } = await withDot(t);
    await grow('b1');
    await workshop.dots.prepareMount(mountParams('shop'));
    await workshop.close();
    const master = b.fake.datasets.get(`tank/dmfs/${id}`);
    t.truthy(master);
    if (!master) return;
    master.properties[PROPERTY.renaming] = 'eve/store';
    if (cutAt === 'namespace') master.properties[PROPERTY.namespace] = 'eve';
    const again = await b.start();
    t.is(again.dots.lookup(admin(again), { ...branchRef('store'), Namespace: 'eve' }), id);
    t.deepEqual(again.branches.list(caller, ref('store', 'eve')), ['b1']);
    t.like((await again.dots.mounts())[0], { Namespace: 'eve', Name: 'store' });
    for (const { name, properties } of b.fake.datasets.values()) {
      if (!name.startsWith('tank/dmfs/')) continue;
      t.like(properties, { [PROPERTY.namespace]: 'eve', [PROPERTY.name]: 'store' });
      t.false(PROPERTY.renaming in properties);
    }
    await again.close();
  });
}

test('a renaming that fails leaves the old name', async t => {
  const { b, workshop, id } = await withDot(t);
  b.fake.fail.set('inherit', new DmError('zfs', 'ZFS_FAILED', 'no'));
  const renamed = workshop.branches.renameDot(admin(workshop), {
    ...ref('shop'),
    NewNamespace: 'admin',
    NewName: 'store',
  });
  await t.throwsAsync(renamed, { code: 'ZFS_FAILED' });
  t.is(workshop.dots.lookup(admin(workshop), branchRef('shop')), id);
  t.like(b.fake.datasets.get(`tank/dmfs/${id}`)?.properties, { [PROPERTY.name]: 'shop' });
  t.false(PROPERTY.renaming in (b.fake.datasets.get(`tank/dmfs/${id}`)?.properties ?? {}));
  await workshop.close();
});

test('only this node is master, and nothing is behind it', async t => {
  const { workshop, caller, id } = await withDot(t);
  const force = (Master: string, FilesystemId = id) =>
    workshop.branches.forceMaster(caller, { FilesystemId, Master });
  force('');
  force('deadbeef');
  t.throws(() => force('abc'), { code: 'NODE_MISSING' });
  t.throws(() => force('', ''), { message: 'FilesystemId not set' });
  t.deepEqual(workshop.branches.replicationLatency(caller, branchRef('shop')), { deadbeef: [] });
  t.deepEqual(workshop.branches.containers(caller, branchRef('shop')), []);
  t.deepEqual(workshop.branches.containersById(caller, id), []);
  await workshop.close();
});

test('a tag names one commit of the dot, moves, is inherited, and survives', async t => {
  const { b, workshop, caller, commit, grow } = await withDot(t);
  const one = await commit('one');
  const two = await commit('two');
  const tag = (Tag: string, CommitId: string, Branch = '') =>
    workshop.commits.tag(caller, { ...branchRef('shop', Branch), CommitId, Tag });
  const tags = async (now = workshop, Branch = '') =>
    (await now.commits.history(caller, branchRef('shop', Branch))).map(({ Tags }) => Tags.join());
  await tag('v1', one);
  await tag('a', one);
  await tag('v2', two);
  t.deepEqual(await tags(), ['', 'a,v1', 'v2']);
  await tag('v1', two);
  await tag('v1', two);
  t.deepEqual(await tags(), ['', 'a', 'v1,v2']);
  await grow('b1');
  const mine = await commit('on b1', 'b1');
  await tag('v2', mine, 'b1');
  t.deepEqual(await tags(workshop, 'b1'), ['', 'a', 'v1', 'v2']);
  await t.throwsAsync(tag('v9', mine), { code: 'COMMIT_MISSING' });
  for (const bad of ['', 'a b', '-x', 'HEAD', 'a,b', 'a=b']) {
    await t.throwsAsync(tag(bad, one), { code: 'INVALID_NAME' }, bad);
  }
  await workshop.commits.untag(caller, { ...ref('shop'), Tag: 'a' });
  await t.throwsAsync(workshop.commits.untag(caller, { ...ref('shop'), Tag: 'a' }), { code: 'TAG_MISSING' });
  await workshop.close();
  const again = await b.start();
  t.deepEqual(await tags(again, 'b1'), ['', '', 'v1', 'v2']);
  await again.close();
});

test('a tag that a cut left at two commits is at the later place', async t => {
  const { b, workshop, caller, commit } = await withDot(t);
  const [one, two] = [await commit('one'), await commit('two')];
  await workshop.close();
  for (const snapshot of b.fake.taken) {
    if (snapshot.id === one) snapshot.tags = 'v=5,x=1';
    if (snapshot.id === two) snapshot.tags = 'v=4';
  }
  const again = await b.start();
  const history = await again.commits.history(caller, branchRef('shop'));
  t.deepEqual(
    history.map(({ Tags }) => Tags),
    [[], ['v', 'x'], []],
  );
  t.is(b.fake.taken.find(({ id }) => id === two)?.tags, '');
  await again.close();
});

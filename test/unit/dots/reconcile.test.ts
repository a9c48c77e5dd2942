import test from 'ava';
import { allValues, difference } from '../../../src/dots/keyspace.ts';
import { leavesFirst, reconcile } from '../../../src/dots/reconcile.ts';
import { fullName } from '../../../src/dots/registry.ts';
import { emptyState } from '../../../src/dots/state.ts';
import type { KeyValue } from '../../../src/etcd/index.ts';
import { PROPERTY } from '../../../src/model/layout.ts';
import { createFakeZfs, type FakeZfs } from '../../helpers/fake-zfs.ts';

const A = 'aaaaaaaa-0000-4000-8000-000000000001';
const B = 'bbbbbbbb-0000-4000-8000-000000000002';
const NODE = 'deadbeef';

function dot(fake: FakeZfs, id: string, name: string, more: Record<string, string> = {}, txg = 10): void {
  const properties = { [PROPERTY.namespace]: 'admin', [PROPERTY.name]: name, [PROPERTY.dot]: id, ...more };
  fake.add(`tank/dmfs/${id}`, { mountpoint: `/mnt/dmfs/${id}`, properties });
  if (txg > 0) fake.addSnapshot(`tank/dmfs/${id}`, `first-${id}`, txg);
}

async function plan(fake: FakeZfs, values?: KeyValue[]) {
  const everything = await fake.zfs.everything('tank/dmfs');
  return reconcile({ pool: 'tank', nodeId: NODE, ...everything, values });
}

const json = (key: string, value: unknown): KeyValue => ({
  key: `dotmesh.io/${key}`,
  value: JSON.stringify(value),
});

test('a filesystem with our properties is a dot, one that begins with _ too', async t => {
  const fake = createFakeZfs();
  dot(fake, A, '_x');
  fake.addSnapshot(`tank/dmfs/${A}`, 'dotmesh-fastdiff-1', 20);
  const { entries, warnings, properties, finish } = await plan(fake);
  t.like(entries, [{ id: A, namespace: 'admin', name: '_x', branch: '', dot: A, commits: [`first-${A}`] }]);
  t.deepEqual([warnings, properties, finish], [[], [], []]);
});

test('of two filesystems that claim one name the older keeps it, the other is listed under another, and it is said', async t => {
  const fake = createFakeZfs();
  dot(fake, A, 'shop', {}, 20);
  dot(fake, B, 'shop', {}, 10);
  const { entries, warnings, properties } = await plan(fake);
  t.deepEqual(entries.map(fullName), ['admin/shop', 'admin/shop-aaaaaaaa']);
  t.is(entries[0]?.id, B);
  t.regex(
    warnings.join(),
    /claims the name admin\/shop of an older dot: it is listed as admin\/shop-aaaaaaaa/,
  );
  t.like(properties, [{ dataset: `tank/dmfs/${A}`, properties: { [PROPERTY.name]: 'shop-aaaaaaaa' } }]);
});

test('a name given in a conflict never takes that of a third', async t => {
  const fake = createFakeZfs();
  dot(fake, A, 'shop', {}, 20);
  dot(fake, B, 'shop', {}, 10);
  dot(fake, 'c', 'shop-aaaaaaaa', {}, 30);
  const { entries } = await plan(fake);
  t.is(new Set(entries.map(fullName)).size, 3);
  t.is(entries.find(entry => entry.id === 'c')?.name, 'shop-aaaaaaaa');
});

const hostile: Record<string, Record<string, string>> = {
  'a path': { [PROPERTY.name]: '../../etc' },
  'an empty name': { [PROPERTY.name]: '' },
  'a branch that is none': { [PROPERTY.branch]: 'a/b' },
  'an id that is none': { [PROPERTY.dot]: '..' },
  'a branch without a dot': { [PROPERTY.branch]: 'b', [PROPERTY.dot]: 'not-there' },
};
for (const [what, properties] of Object.entries(hostile)) {
  test(`${what} in the properties makes no dot, and the filesystem is left alone with a warning`, async t => {
    const fake = createFakeZfs();
    dot(fake, A, 'shop', properties);
    const { entries, warnings, remove, finish } = await plan(fake);
    t.deepEqual([entries, remove, finish], [[], [], []]);
    t.regex(warnings.join(), /left alone/);
  });
}

test('a filesystem without our properties is adopted when etcd of the original names it, else left alone', async t => {
  const fake = createFakeZfs();
  for (const id of [A, B, 'unknown', 'doomed']) {
    fake.add(`tank/dmfs/${id}`, { origin: id === B ? `tank/dmfs/${A}@c1` : undefined });
    fake.addSnapshot(`tank/dmfs/${id}`, 'c1', 5);
  }
  const fork = { ForkParentId: 'old', ForkParentSnapshotId: 'c0' };
  const values = [
    json('registry/filesystems/admin/shop', {
      Id: A,
      OwnerId: 'admin',
      Name: 'shop',
      CollaboratorIds: null,
      ...fork,
    }),
    json('registry/filesystems/admin/dead', { Id: 'doomed' }),
    json(`registry/clones/${A}/b1`, { FilesystemId: B }),
    json('filesystems/deleted/doomed', {}),
  ];
  const { entries, properties, warnings } = await plan(fake, values);
  t.like(entries, [
    { id: A, name: 'shop', branch: '', fork: { id: 'old', commit: 'c0' } },
    { id: B, name: 'shop', branch: 'b1', dot: A, origin: { filesystemId: A, snapshotId: 'c1' } },
  ]);
  t.like(properties, [
    { dataset: `tank/dmfs/${A}`, properties: { [PROPERTY.name]: 'shop', [PROPERTY.fork]: 'old@c0' } },
    { dataset: `tank/dmfs/${B}`, properties: { [PROPERTY.branch]: 'b1', [PROPERTY.dot]: A } },
  ]);
  t.regex(warnings.join('\n'), /dmfs\/unknown is named by neither/);
  t.regex(warnings.join('\n'), /dmfs\/doomed was to be deleted/);
});

test('a dot whose creation was cut is to be finished, one whose deletion was cut to be removed, leaves first', async t => {
  const fake = createFakeZfs();
  dot(fake, A, 'cut', {}, 0);
  dot(fake, B, 'doomed', { [PROPERTY.deleting]: 'true' });
  const branch = { [PROPERTY.branch]: 'b1', [PROPERTY.dot]: B };
  dot(fake, 'branch', 'doomed', branch);
  Object.assign(fake.datasets.get('tank/dmfs/branch') ?? {}, { origin: `tank/dmfs/${B}@first-${B}` });
  const { entries, finish, remove } = await plan(fake);
  t.deepEqual(
    entries.map(entry => entry.id),
    [A],
  );
  t.deepEqual(
    finish.map(entry => entry.id),
    [A],
  );
  t.deepEqual(
    remove.map(dots => dots.map(entry => entry.id)),
    [['branch', B]],
  );
});

test('a dataset that was renamed behind our back is the same dot', async t => {
  const fake = createFakeZfs();
  dot(fake, A, 'shop');
  const before = fake.datasets.get(`tank/dmfs/${A}`);
  fake.drop(`tank/dmfs/${A}`);
  fake.add('tank/dmfs/renamed', { ...before, name: 'tank/dmfs/renamed' });
  fake.addSnapshot('tank/dmfs/renamed', 'c1', 10);
  const { entries, properties } = await plan(fake);
  t.like(entries, [{ id: A, dot: A, dataset: 'tank/dmfs/renamed' }]);
  t.deepEqual(properties, []);
});

test('a dot that only etcd knows is named in a warning; its records go, those of another node stay', async t => {
  const values = [
    json('registry/filesystems/admin/gone', { Id: A }),
    json(`filesystems/masters/${A}`, { filesystem_id: A, node_id: NODE }),
    json('registry/filesystems/admin/elsewhere', { Id: B }),
    json(`filesystems/masters/${B}`, { filesystem_id: B, node_id: 'another' }),
    json('filesystems/transfers/1', { anything: true }),
  ];
  const { warnings, entries } = await plan(createFakeZfs(), values);
  t.regex(warnings.join(), /destroyed behind our back: admin\/gone\./);
  t.deepEqual(difference(allValues(entries, emptyState(), NODE), values, NODE), [
    { delete: 'dotmesh.io/registry/filesystems/admin/gone' },
    { delete: `dotmesh.io/filesystems/masters/${A}` },
  ]);
});

test('the index of what is there has the keys and values of the original', async t => {
  const fake = createFakeZfs();
  dot(fake, A, 'shop');
  dot(fake, B, 'shop', { [PROPERTY.branch]: 'b1', [PROPERTY.dot]: A });
  Object.assign(fake.datasets.get(`tank/dmfs/${B}`) ?? {}, { origin: `tank/dmfs/${A}@first-${A}` });
  const { entries } = await plan(fake);
  const state = { ...emptyState(), collaborators: { [A]: ['u1'] } };
  const values = Object.fromEntries(
    allValues(entries, state, NODE).map(one => [one.key, JSON.parse(one.value)]),
  );
  t.deepEqual(values, {
    'dotmesh.io/registry/filesystems/admin/shop': {
      Id: A,
      OwnerId: 'admin',
      Name: 'shop',
      CollaboratorIds: ['u1'],
    },
    [`dotmesh.io/filesystems/masters/${A}`]: { filesystem_id: A, node_id: NODE },
    [`dotmesh.io/registry/clones/${A}/b1`]: {
      TopLevelFilesystemId: A,
      FilesystemId: B,
      Name: 'b1',
      Origin: { FilesystemId: A, SnapshotId: `first-${A}` },
    },
    [`dotmesh.io/filesystems/masters/${B}`]: { filesystem_id: B, node_id: NODE },
  });
});

test('branches of branches come before what they were cloned from', t => {
  const entry = (id: string, origin: string | undefined, branch: string) => ({
    id,
    dataset: id,
    mountpoint: '',
    dot: 'm',
    namespace: 'admin',
    name: 'shop',
    branch,
    origin: origin === undefined ? undefined : { filesystemId: origin, snapshotId: 'c' },
    fork: undefined,
    commits: [],
    tags: new Map(),
  });
  const order = leavesFirst([entry('m', undefined, ''), entry('b2', 'b1', 'two'), entry('b1', 'm', 'one')]);
  t.deepEqual(
    order.map(one => one.id),
    ['b2', 'b1', 'm'],
  );
});

test('users that another server registered in a shared etcd are not taken out of it', t => {
  const theirs = json('users/users/b-o-b', { Id: 'b-o-b', Name: 'bob' });
  t.deepEqual(difference([], [theirs, json('users/nameidx/bob', { id: 'b-o-b' })], NODE), []);
});

import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { until } from '../../../src/lib/retry.ts';
import { PROPERTY } from '../../../src/model/layout.ts';
import { admin, bench, mountParams, ref } from '../../helpers/workshop.ts';

const patience = { deadlineMs: 60_000 };

test('a thousand dots are known after two or three commands and one read of etcd; nothing is mounted', async t => {
  const b = await bench();
  t.teardown(b.remove);
  await (await b.start()).close();
  for (let at = 0; at < 1000; at++) {
    const properties = {
      [PROPERTY.namespace]: 'admin',
      [PROPERTY.name]: `dot-${at}`,
      [PROPERTY.dot]: `id-${at}`,
    };
    b.fake.add(`tank/dmfs/id-${at}`, { properties });
    b.fake.addSnapshot(`tank/dmfs/id-${at}`, 'c', at);
  }
  b.fake.commands.length = 0;
  b.etcd.calls.list = 0;
  const workshop = await b.start();
  t.true(b.fake.commands.length <= 3, b.fake.commands.join());
  t.is(b.etcd.calls.list, 1);
  t.is((await workshop.dots.list(admin(workshop))).length, 1000);
  t.is((await b.etcd.list('dotmesh.io/registry/filesystems/')).length, 1000);
  await workshop.close();
});

test("when etcd's data is lost, everything is written again at the next start, users too", async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  await first.dots.create(admin(first), ref('shop'));
  const before = await b.etcd.list('');
  await first.close();
  b.etcd.wipe();
  const second = await b.start();
  t.deepEqual(await b.etcd.list(''), before);
  await second.close();
});

test('with etcd away a server that knows its users starts and serves', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  await first.dots.create(admin(first), ref('shop'));
  await first.close();
  b.etcd.down = true;
  const second = await b.start();
  t.is((await second.dots.list(admin(second))).length, 1);
  await second.close();
});

test('no pool is refused by name', async t => {
  const b = await bench({ pool: 'nopool' });
  t.teardown(b.remove);
  await t.throwsAsync(b.start(), { code: 'POOL_MISSING', message: 'There is no pool nopool.' });
});

for (const [step, cut] of Object.entries({
  'before its mount': 'mount',
  'before its first commit': 'snapshot',
})) {
  test(`a creation cut ${step} is finished at the next start`, async t => {
    const b = await bench();
    t.teardown(b.remove);
    const first = await b.start();
    b.fake.fail.set(cut, new DmError('zfs', 'ZFS_FAILED', 'cut'));
    b.fake.fail.set('unmount', new DmError('zfs', 'ZFS_FAILED', 'cut'));
    await t.throwsAsync(first.dots.create(admin(first), ref('shop')));
    b.fake.fail.clear();
    const second = await b.start();
    t.like(await second.dots.list(admin(second)), [{ Name: ref('shop'), CommitCount: 1 }]);
    t.is([...b.fake.datasets.keys()].length, 3);
    await first.close();
    await second.close();
  });
}

test('a deletion cut half way is finished at the next start, and the name is free', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  await first.dots.create(admin(first), ref('shop'));
  b.fake.fail.set('destroy', new DmError('zfs', 'ZFS_HUNG', 'cut'));
  b.fake.fail.set('inherit', new DmError('zfs', 'ZFS_HUNG', 'cut'));
  await t.throwsAsync(first.dots.delete(admin(first), ref('shop')), { code: 'ZFS_HUNG' });
  await t.throwsAsync(first.dots.prepareMount(mountParams('shop')), { code: 'DOT_DELETED' });
  await first.close();
  const second = await b.start();
  t.deepEqual([...b.fake.datasets.keys()], ['tank', 'tank/dmfs']);
  t.regex(b.lines.join(''), /a deletion that was cut is finished/);
  t.is(await b.etcd.get('dotmesh.io/registry/filesystems/admin/shop'), undefined);
  await second.dots.create(admin(second), ref('shop'));
  await second.close();
});

test('what is destroyed, renamed or made behind our back is noticed by a listing, and said', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  const gone = await workshop.dots.create(admin(workshop), ref('gone'));
  const kept = await workshop.dots.create(admin(workshop), ref('kept'));
  const commit = b.fake.taken.find(one => one.filesystem.endsWith(kept))?.id ?? '';
  const old = b.fake.datasets.get(`tank/dmfs/${kept}`);
  b.fake.drop(`tank/dmfs/${gone}`);
  b.fake.drop(`tank/dmfs/${kept}`);
  b.fake.add('tank/dmfs/moved', { ...old, name: 'tank/dmfs/moved' });
  b.fake.addSnapshot('tank/dmfs/moved', commit, 1);
  const properties = { [PROPERTY.namespace]: 'admin', [PROPERTY.name]: 'new', [PROPERTY.dot]: 'new' };
  b.fake.add('tank/dmfs/new', { properties });
  b.fake.addSnapshot('tank/dmfs/new', 'c', 2);
  b.fake.add('tank/dmfs/foreign');

  const noticed = await until(async () => {
    const names = (await workshop.dots.list(admin(workshop))).map(dot => `${dot.Name.Name} ${dot.Id}`);
    return names.sort().join() === `kept ${kept},new new`;
  }, patience);
  t.true(noticed);
  const lines = b.lines.join('');
  t.regex(lines, /destroyed behind our back \(dot=admin\/gone/);
  t.regex(lines, /renamed behind our back \(dot=admin\/kept/);
  t.regex(lines, /appeared behind our back \(dot=admin\/new/);
  t.regex(lines, /tank\/dmfs\/foreign is named by neither/);
  t.true(
    await until(async () => !(await b.etcd.get('dotmesh.io/registry/filesystems/admin/gone')), patience),
  );
  await workshop.close();
});

test('a dot whose deletion could not be finished stays listed after a look at the pool, and can be deleted', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  await workshop.dots.create(admin(workshop), ref('stuck'));
  b.fake.fail.set('destroy', new DmError('zfs', 'ZFS_FAILED', 'not now'));
  b.fake.fail.set('inherit', new DmError('zfs', 'ZFS_FAILED', 'not now either'));
  await t.throwsAsync(workshop.dots.delete(admin(workshop), ref('stuck')), { message: 'not now' });
  const properties = { [PROPERTY.namespace]: 'admin', [PROPERTY.name]: 'new', [PROPERTY.dot]: 'new' };
  b.fake.add('tank/dmfs/new', { properties });
  b.fake.addSnapshot('tank/dmfs/new', 'c', 2);
  const names = async () => (await workshop.dots.list(admin(workshop))).map(({ Name }) => Name.Name).sort();
  t.true(await until(async () => (await names()).includes('new'), patience));
  t.deepEqual(await names(), ['new', 'stuck']);
  await workshop.dots.delete(admin(workshop), ref('stuck'));
  t.deepEqual(await names(), ['new']);
  await workshop.close();
});

test('a ZFS that does not tell sizes makes them old, the list not late, and is said once', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  await workshop.dots.create(admin(workshop), ref('shop'));
  let asked = 0;
  b.fake.zfs.sizes = async () => {
    asked++;
    throw new DmError('zfs', 'ZFS_HUNG', 'no answer');
  };
  await until(async () => {
    t.like(await workshop.dots.list(admin(workshop)), [{ SizeBytes: 0, CommitCount: 1 }]);
    return asked >= 2;
  }, patience);
  t.is(b.lines.filter(line => line.includes('does not tell sizes')).length, 1);
  b.fake.zfs.sizes = () => new Promise(() => undefined);
  await delay(0);
  t.is((await workshop.dots.list(admin(workshop))).length, 1);
  await workshop.close();
});

test('the pool and etcd are looked at for /check, and usage is told in percent', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  t.is(await workshop.check(), '');
  t.is(await workshop.poolUsage(), 25);
  b.fake.pools.list = async () => [];
  t.is(await workshop.check(), 'Zpool error: the pool tank is not there');
  await workshop.close();
});

import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { PROPERTY } from '../../../src/model/layout.ts';
import { admin, bench, mountParams, ref, stranger } from '../../helpers/workshop.ts';

test('a new dot has a subdot for all, one commit with its metadata, and is listed at once', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  const id = await workshop.dots.create(admin(workshop), ref('shop'));
  const root = join(b.directory, 'mnt/dmfs', id);
  t.is((await stat(join(root, '__default__'))).mode & 0o7777, 0o777);
  const commit = b.fake.taken[0]?.id ?? '';
  const metadata = JSON.parse(await readFile(join(root, 'dotmesh.metadata', `${commit}.json`), 'utf8'));
  const text = (key: string) => Buffer.from(metadata[key], 'base64').toString();
  t.deepEqual(
    [text('type'), text('message'), text('author')],
    ['dotmesh.initial', 'Initial commit', 'admin'],
  );
  t.regex(text('timestamp'), /^\d{19}$/);
  t.deepEqual(await workshop.dots.list(admin(workshop)), [
    {
      Id: id,
      Name: ref('shop'),
      Branch: '',
      Master: 'deadbeef',
      SizeBytes: 4096,
      DirtyBytes: 512,
      CommitCount: 1,
      ServerStates: { deadbeef: 'active' },
      ServerStatuses: { deadbeef: 'waiting, 1 commits' },
      ForkParentId: '',
      ForkParentSnapshotId: '',
    },
  ]);
  t.like(JSON.parse((await b.etcd.get('dotmesh.io/registry/filesystems/admin/shop')) ?? ''), { Id: id });
  await workshop.close();
});

test('of many who create one name at once, one wins and the others are told which dot has it', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  const tries = await Promise.allSettled(
    Array.from({ length: 5 }, () => dots.create(users.admin(), ref('shop'))),
  );
  const won = tries.filter(one => one.status === 'fulfilled');
  t.is(won.length, 1);
  const id = dots.lookup(users.admin(), { ...ref('shop'), Branch: '' });
  for (const one of tries) {
    if (one.status === 'rejected')
      t.is(one.reason.message, `A volume called admin/shop already exists with id ${id}`);
  }
  t.is([...b.fake.datasets.keys()].length, 3);
  await close();
});

for (const step of ['create', 'mount', 'snapshot']) {
  test(`a creation that has no space at ${step} says so and leaves nothing, and works when there is space`, async t => {
    const b = await bench();
    t.teardown(b.remove);
    const { dots, users, close } = await b.start();
    b.fake.fail.set(step, new DmError('zfs', 'NO_SPACE', 'out of space'));
    const error = await t.throwsAsync(dots.create(users.admin(), ref('shop')), { code: 'NO_SPACE' });
    t.regex(error?.message ?? '', /^Could not create volume admin\/shop: out of space/);
    t.deepEqual([...b.fake.datasets.keys()], ['tank', 'tank/dmfs']);
    t.is(dots.exists(users.admin(), { ...ref('shop'), Branch: '' }), '');
    await dots.create(users.admin(), ref('shop'));
    await close();
  });
}

test('names, owner and caller are checked before anything is written', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  b.fake.commands.length = 0;
  await t.throwsAsync(async () => dots.create(users.admin(), ref('-x')), { message: /^invalid dot name/ });
  for (const name of ['..', 'a/b', 'a@b', '%', 'a\0', 'x'.repeat(65), 'ü', 'a\n']) {
    await t.throwsAsync(async () => dots.create(users.admin(), ref(name)), { message: /^invalid dot name/ });
    await t.throwsAsync(async () => dots.delete(users.admin(), ref(name)), { message: /^invalid dot name/ });
  }
  await t.throwsAsync(async () => dots.create(users.admin(), ref('x', 'nobody')), {
    message: 'Unable to locate owner nobody.',
  });
  await t.throwsAsync(async () => dots.create(stranger, ref('x')), {
    message: 'User is not an administrator for namespace admin, so cannot create volumes',
  });
  t.deepEqual(b.fake.commands, []);
  await close();
});

test('who is neither owner nor collaborator sees nothing and deletes nothing', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  const id = await dots.create(users.admin(), ref('shop'));
  t.deepEqual(await dots.list(stranger), []);
  await t.throwsAsync(dots.get(stranger, id), { message: 'Permission denied.' });
  await t.throwsAsync(dots.delete(stranger, ref('shop')), {
    message: /^You are not the owner of volume admin\/shop\./,
  });
  await t.throwsAsync(async () => dots.procure(stranger, { ...ref('shop'), Subdot: '' }), {
    message: 'Userid b-o-b is not admin user',
  });
  await close();
});

test('what is not there is told in the words of the original', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  const id = await dots.create(users.admin(), ref('shop'));
  t.throws(() => dots.lookup(users.admin(), { ...ref('none'), Branch: '' }), {
    message: "No such filesystem named 'admin/none'",
  });
  t.throws(() => dots.lookup(users.admin(), { ...ref('shop'), Branch: 'master' }), {
    message: `No clones at all, let alone named 'master' for filesystem id '${id}'`,
  });
  await t.throwsAsync(dots.get(users.admin(), 'none'), { message: 'No known filesystem with id none' });
  t.is(dots.exists(users.admin(), { ...ref('shop'), Branch: 'b' }), '');
  await close();
});

test('deleting takes the dot, its index, its mounts and its link away, and the name is free again', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  const id = await dots.create(users.admin(), ref('shop'));
  const path = await dots.procure(users.admin(), { ...ref('shop'), Subdot: 'sub' });
  t.is(path, join(b.directory, 'container_mnt/admin/shop/sub'));
  await dots.prepareMount(mountParams('shop'));
  await dots.delete(users.admin(), ref('shop'));
  t.deepEqual([...b.fake.datasets.keys()], ['tank', 'tank/dmfs']);
  t.deepEqual(await readdir(join(b.directory, 'container_mnt/admin')), []);
  t.false(existsSync(join(b.directory, 'mnt/dmfs', id)));
  t.deepEqual(await dots.mounts(), []);
  t.notRegex((await b.etcd.list('')).map(one => one.key).join(), /registry|masters/);
  t.not(await dots.create(users.admin(), ref('shop')), id);
  await close();
});

for (const [step, users] of [
  ['unmount', [{ pid: 71, command: 'postgres' }]],
  ['destroy', []],
] as const) {
  test(`a dot that is found busy at ${step} is kept as it was, and the answer names who can be seen`, async t => {
    const b = await bench();
    t.teardown(b.remove);
    const workshop = await b.start();
    const id = await workshop.dots.create(admin(workshop), ref('shop'));
    b.fake.fail.set(step, new DmError('zfs', 'DATASET_BUSY', 'busy', { data: { users } }));
    const error = await t.throwsAsync(workshop.dots.delete(admin(workshop), ref('shop')), {
      code: 'DOT_IN_USE',
    });
    t.regex(error?.message ?? '', /cannot delete the volume .* when 1 container is still using it: .*\.$/);
    t.regex(error?.message ?? '', users.length > 0 ? /postgres \(process 71\)/ : /can not be seen/);
    t.is(b.fake.datasets.get(`tank/dmfs/${id}`)?.properties[PROPERTY.deleting], undefined);
    t.is(workshop.dots.lookup(admin(workshop), { ...ref('shop'), Branch: '' }), id);
    await workshop.dots.delete(admin(workshop), ref('shop'));
    await workshop.close();
  });
}

test('who has files open is named also where ZFS does not know', async t => {
  const b = await bench({ usersOf: async () => [{ pid: 7, command: 'sh' }] });
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  await dots.create(users.admin(), ref('shop'));
  b.fake.fail.set('unmount', new DmError('zfs', 'DATASET_BUSY', 'busy'));
  await t.throwsAsync(dots.delete(users.admin(), ref('shop')), { message: /: sh \(process 7\)\.$/ });
  await close();
});

test('branches go before what they were cloned from', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  const id = await first.dots.create(admin(first), ref('shop'));
  await first.close();
  const commit = b.fake.taken[0]?.id;
  const properties = { ...b.fake.datasets.get(`tank/dmfs/${id}`)?.properties, [PROPERTY.branch]: 'b1' };
  b.fake.add('tank/dmfs/branch', { origin: `tank/dmfs/${id}@${commit}`, properties });
  const { dots, users, close } = await b.start();
  t.is(dots.lookup(users.admin(), { ...ref('shop'), Branch: 'b1' }), 'branch');
  b.fake.commands.length = 0;
  await dots.delete(users.admin(), ref('shop'));
  t.deepEqual(
    b.fake.commands.filter(command => command.startsWith('destroy')),
    ['destroy tank/dmfs/branch', `destroy tank/dmfs/${id}`],
  );
  await close();
});

test('a deletion that ZFS refuses is taken back: the next start finishes nothing that somebody may use', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  const id = await first.dots.create(admin(first), ref('shop'));
  b.fake.fail.set('destroy', new DmError('zfs', 'ZFS_FAILED', 'no'));
  await t.throwsAsync(first.dots.delete(admin(first), ref('shop')), { code: 'ZFS_FAILED' });
  await first.close();
  const second = await b.start();
  t.is(second.dots.lookup(admin(second), { ...ref('shop'), Branch: '' }), id);
  await second.close();
});

test('a full pool that has no room for the mark of a deletion is emptied all the same', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  await dots.create(users.admin(), ref('shop'));
  b.fake.fail.set('set', new DmError('zfs', 'NO_SPACE', 'full'));
  await dots.delete(users.admin(), ref('shop'));
  t.is(dots.exists(users.admin(), { ...ref('shop'), Branch: '' }), '');
  await close();
});

test('a dot may be called like a member that every object has', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, close } = await b.start();
  for (const name of ['constructor', '__proto__', 'toString']) {
    await dots.create(users.admin(), ref(name));
    await dots.prepareMount(mountParams(name, { Subdot: '__proto__', Mountpoint: `/${name}` }));
  }
  t.is((await dots.list(users.admin())).length, 3);
  t.deepEqual(await dots.list(stranger), []);
  await close();
});

test('create, list and delete work while etcd is away', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { dots, users, check, close } = await b.start();
  b.etcd.down = true;
  await dots.create(users.admin(), ref('one'));
  await dots.create(users.admin(), ref('two'));
  await dots.delete(users.admin(), ref('one'));
  t.deepEqual(
    (await dots.list(users.admin())).map(dot => dot.Name.Name),
    ['two'],
  );
  t.is(b.lines.filter(line => line.includes('is behind')).length, 1);
  t.regex(await check(), /^Error reading from etcd/);
  b.etcd.down = false;
  await close();
  t.truthy(await b.etcd.get('dotmesh.io/registry/filesystems/admin/two'));
  t.is(await b.etcd.get('dotmesh.io/registry/filesystems/admin/one'), undefined);
});

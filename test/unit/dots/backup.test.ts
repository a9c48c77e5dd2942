import test from 'ava';
import { ADMIN_ID, type Caller } from '../../../src/dots/index.ts';
import { admin, bench, ref } from '../../helpers/workshop.ts';

const BOB = { Name: 'bob', Email: 'bob@x', Password: 'bobs-password' };

test('a backup brings users and collaborators to a server that lost them; their secrets still count', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  await first.users.applyInitialSecrets({ apiKey: 'old-key' });
  const user = await first.users.register(BOB);
  const key = await first.users.resetApiKey(user.Id);
  const id = await first.dots.create(admin(first), ref('shop'));
  await first.sharing.add(admin(first), id, 'bob');
  const dump = JSON.stringify(first.backup.dump());
  await first.close();
  t.false(dump.includes(key) || dump.includes(BOB.Password));

  const c = await bench();
  t.teardown(c.remove);
  for (const [name, dataset] of b.fake.datasets) c.fake.datasets.set(name, dataset);
  c.fake.taken.push(...b.fake.taken);
  const other = await c.start();
  await other.users.applyInitialSecrets({ apiKey: 'new-key' });
  await other.users.register({ ...BOB, Name: 'eve', Email: 'eve@x' });
  const kept = await other.dots.create(admin(other), ref('kept'));
  await other.backup.restore(dump);
  t.is((await other.users.authenticate('bob', key))?.by, 'apikey');
  t.is((await other.users.authenticate('bob', BOB.Password))?.by, 'password');
  t.is((await other.users.authenticate('admin', 'old-key'))?.by, 'apikey');
  const bob: Caller = { user, by: 'password', apiKey: undefined };
  t.deepEqual(
    (await other.dots.list(bob)).map(dot => dot.Id),
    [id],
  );
  t.deepEqual((await other.dots.list(admin(other))).map(dot => dot.Id).sort(), [id, kept].sort());
  t.deepEqual(
    other.users.list().map(({ Name }) => Name),
    ['admin', 'bob', 'eve'],
  );
  await other.users.applyInitialSecrets({ apiKey: 'new-key' });
  t.is(
    (await other.users.authenticate('admin', 'old-key'))?.by,
    'apikey',
    'the metadata is not applied anew',
  );
  await other.close();
});

test("an original's backup names filesystems that nobody else could name, and renames none that has a name", async t => {
  const b = await bench();
  t.teardown(b.remove);
  b.fake.add('tank');
  b.fake.add('tank/dmfs');
  b.fake.add('tank/dmfs/old');
  b.fake.addSnapshot('tank/dmfs/old', 'c1', 1);
  const workshop = await b.start();
  const id = await workshop.dots.create(admin(workshop), ref('shop'));
  t.is((await workshop.dots.list(admin(workshop))).length, 1);
  const dot = (Id: string, Name: string) => ({ Id, OwnerId: 'admin', Name, CollaboratorIds: null });
  const dump = {
    version: 'v1',
    created: '2020-04-01T00:00:00Z',
    users: null,
    filesystem_masters: [{ filesystem_id: 'old', node_id: 'another' }],
    registry_filesystems: [dot('old', 'found'), dot(id, 'renamed'), dot('lost', 'lost')],
    registry_clones: null,
  };
  await workshop.backup.restore(JSON.stringify(dump));
  const names = (await workshop.dots.list(admin(workshop))).map(({ Id, Name }) => `${Id} ${Name.Name}`);
  t.deepEqual(names.sort(), [`${id} shop`, 'old found'].sort());
  t.is(b.fake.datasets.get('tank/dmfs/old')?.properties['dm-linuxkit:name'], 'found');
  t.truthy(await b.etcd.get('dotmesh.io/registry/filesystems/admin/found'));
  t.regex(b.lines.join(''), /the backup names dots that are not on this pool: admin\/lost/);
  await workshop.close();
});

test("what is no backup is refused in the original's words; users that clash are named, and the rest is restored", async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, backup, close } = await b.start();
  for (const text of ['', '[]', '{"version":"v1","users":7}', '{"version":"v1","users":[3]}']) {
    await t.throwsAsync(backup.restore(text), { message: /^failed to unmarshal into a backup structure: / });
  }
  await t.throwsAsync(backup.restore('{"version":"v2"}'), {
    message: "unsupported backup version 'v2', supported version: v1",
  });
  await users.register(BOB);
  const record = (Id: string, Name: string) => ({
    Id,
    Name,
    Email: '',
    Salt: '',
    Password: '',
    ApiKey: 'CLEAR',
  });
  const records = [
    record('u1', 'bob'),
    record('u2', 'carol'),
    record('u3', 'admin'),
    record(ADMIN_ID, 'root'),
  ];
  const dump = { version: 'v1', users: records };
  await t.throwsAsync(backup.restore(JSON.stringify(dump)), {
    message:
      'got error while importing backup: [the name bob belongs to another user here user "admin" is not the admin user "root" is not the admin]',
  });
  t.is((await users.authenticate('carol', 'CLEAR'))?.by, 'apikey');
  t.is(await users.authenticate('bob', 'CLEAR'), undefined);
  t.is(users.admin().user.Name, 'admin');
  await close();
});

import test from 'ava';
import fc from 'fast-check';
import { ADMIN_ID, type Caller } from '../../../src/dots/index.ts';
import { readIndexUser } from '../../../src/dots/user-record.ts';
import { bench, ref } from '../../helpers/workshop.ts';

const BOB = { Name: 'bob', Email: 'bob@example.org', Password: 'bobs-password' };

test('a new user gets in with the password, is in state.json and in the index, and no secret is in either', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  const bob = await first.users.register(BOB);
  t.like(bob, { Name: 'bob', Email: 'bob@example.org', Metadata: null });
  t.like(await first.users.authenticate('bob', BOB.Password), { by: 'password', user: bob });
  t.is(await first.users.authenticate('bob', ''), undefined);
  const key = await first.users.resetApiKey(bob.Id);
  await first.close();
  const record = (await b.etcd.get(`dotmesh.io/users/users/${bob.Id}`)) ?? '';
  t.truthy(readIndexUser(JSON.parse(record))?.password);
  t.deepEqual(JSON.parse((await b.etcd.get('dotmesh.io/users/nameidx/bob')) ?? ''), {
    prefix: 'users',
    name: 'bob',
    id: bob.Id,
  });
  t.false(record.includes(BOB.Password) || record.includes(key));
  const second = await b.start();
  t.like(await second.users.authenticate('bob@example.org', key), { by: 'apikey' });
  t.deepEqual(
    second.users.list().map(user => user.Name),
    ['admin', 'bob'],
  );
  await second.close();
});

test('users that can not be made are refused in the words of the original, two at once too', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, close } = await b.start();
  const refused = async (change: Partial<typeof BOB>, message: string) =>
    t.throwsAsync(users.register({ ...BOB, ...change }), { message });
  await refused({ Password: '' }, 'Password cannot be empty.');
  await refused({ Email: '' }, 'Email address cannot be empty.');
  await refused({ Name: '' }, 'Name cannot be empty.');
  for (const Name of ['a/b', '-b', 'a b', ADMIN_ID]) await refused({ Name }, 'Invalid username.');
  for (const Email of ['bob', ADMIN_ID, 'a b@c']) await refused({ Email }, 'Invalid email address.');
  const start = '[RegistrationServer] Error creating user bob:';
  await refused(
    { Password: 'sixsix' },
    `${start} invalid password: password length should be at least 7 symbols`,
  );
  const both = await Promise.allSettled([users.register(BOB), users.register(BOB)]);
  t.is(both.filter(({ status }) => status === 'fulfilled').length, 1);
  await refused({ Email: 'other@x' }, `${start} Username already exists - contact help@dotmesh.io`);
  const taken =
    '[RegistrationServer] Error creating user eve: Email already exists - contact help@dotmesh.io';
  await refused({ Name: 'eve' }, taken);
  await close();
});

test('mail, password and metadata of a user are changed, and users found by each', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, close } = await b.start();
  const { Id } = await users.register(BOB);
  await users.setMetadata(Id, 'CustomerId', 'c-1');
  t.like(await users.setMetadata(Id, '__proto__', 'odd'), { Metadata: { CustomerId: 'c-1' } });
  t.is(users.byCustomerId('c-1').Id, Id);
  const { Metadata } = await users.deleteMetadata(Id, 'CustomerId');
  t.deepEqual(Object.entries(Metadata ?? {}), [['__proto__', 'odd']]);
  t.throws(() => users.byCustomerId('c-1'), { message: 'User CustomerId=c-1 not found' });
  await users.setEmail(Id, 'b@example.org');
  t.is(users.byEmail('b@example.org').Id, Id);
  t.throws(() => users.byEmail('bob@example.org'), { message: 'User email=bob@example.org not found' });
  t.throws(() => users.byEmail(''), { message: 'User email= not found' });
  t.is(users.byName('bob').EmailHash.length, 32);
  t.throws(() => users.byName('none'), { message: 'User name=none not found' });
  await users.setPassword(Id, 'another-one');
  t.is(await users.authenticate('bob', BOB.Password), undefined);
  t.is((await users.authenticate('bob', 'another-one'))?.by, 'password');
  await t.throwsAsync(users.setPassword('none', 'another-one'), { message: 'User id=none not found' });
  await t.throwsAsync(users.setMetadata(Id, 'x', 'x'.repeat(65_537)), { code: 'INVALID_METADATA' });
  await close();
});

test('whatever name a user is registered with, it is a namespace that a dot can be made in', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, dots, close } = await b.start();
  const names = fc.oneof(fc.string({ maxLength: 8 }), fc.stringMatching(/^[-a-zA-Z0-9_]{1,64}$/));
  let made = 0;
  for (const Name of fc.sample(names, { numRuns: 40, seed: 7 })) {
    const user = await users.register({ ...BOB, Name, Email: `${made}@x` }).catch(() => undefined);
    if (!user) continue;
    made++;
    const caller: Caller = { user, by: 'password', apiKey: undefined };
    await dots.create(caller, ref('dot', Name));
  }
  t.true(made > 5);
  await close();
});

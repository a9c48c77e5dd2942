import test from 'ava';
import { ADMIN_ID } from '../../../src/dots/index.ts';
import { hashKey, isKey, newApiKey } from '../../../src/dots/secrets.ts';
import { readIndexUser } from '../../../src/dots/user-record.ts';
import { bench } from '../../helpers/workshop.ts';

test('before any secret is set nobody gets in, with an empty one neither', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, close } = await b.start();
  for (const secret of ['', 'admin', '0'.repeat(64)])
    t.is(await users.authenticate('admin', secret), undefined);
  t.is(await users.authenticate('', ''), undefined);
  t.is(users.admin().user.Id, ADMIN_ID);
  await close();
});

test('the admin is known by name and id, with key or password; an unknown user is refused', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, close } = await b.start();
  await users.applyInitialSecrets({ apiKey: 'key-one', password: 'password-one' });
  t.like(await users.authenticate('admin', 'key-one'), { by: 'apikey', apiKey: 'key-one' });
  t.like(await users.authenticate(ADMIN_ID, 'password-one'), { by: 'password', apiKey: undefined });
  t.is(await users.authenticate('admin', 'key-two'), undefined);
  t.is(await users.authenticate('nobody', 'key-one'), undefined);
  await close();
});

test('secrets of the metadata are applied when they change, and a reset survives reboots', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const secrets = { apiKey: 'from-metadata', password: 'pass-metadata' };
  const first = await b.start();
  await first.users.applyInitialSecrets(secrets);
  const fresh = await first.users.resetApiKey(ADMIN_ID);
  await first.users.updatePassword(ADMIN_ID, 'chosen-later');
  await first.close();

  const second = await b.start();
  await second.users.applyInitialSecrets(secrets);
  t.is(await second.users.authenticate('admin', 'from-metadata'), undefined);
  t.is((await second.users.authenticate('admin', fresh))?.by, 'apikey');
  t.is((await second.users.authenticate('admin', 'chosen-later'))?.by, 'password');
  await second.users.applyInitialSecrets({ apiKey: 'changed-in-metadata' });
  t.is((await second.users.authenticate('admin', 'changed-in-metadata'))?.by, 'apikey');
  await second.close();
});

test('a password under 7 bytes is refused; one in the metadata is logged and not applied', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, close } = await b.start();
  await t.throwsAsync(users.updatePassword(ADMIN_ID, 'sixsix'), { code: 'PASSWORD_TOO_SHORT' });
  await users.applyInitialSecrets({ password: 'sixsix' });
  t.is(await users.authenticate('admin', 'sixsix'), undefined);
  t.regex(b.lines.join(''), /too short/);
  await close();
});

test('many who knock at once are all answered', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const { users, close } = await b.start();
  await users.applyInitialSecrets({ password: 'password-one' });
  const answers = await Promise.all(
    Array.from({ length: 7 }, (_, at) =>
      users.authenticate('admin', at === 3 ? 'password-one' : `wrong-${at}`),
    ),
  );
  t.deepEqual(
    answers.map(answer => answer?.by),
    Array.from({ length: 7 }, (_, at) => (at === 3 ? 'password' : undefined)),
  );
  await close();
});

test('a user of the original, key in clear, is read as a hash', t => {
  const user = readIndexUser({
    Id: 'u1',
    Name: 'bob',
    Email: 'b@x',
    Salt: 'c2FsdA==',
    Password: 'a2V5',
    ApiKey: 'CLEAR',
  });
  t.like(user, { id: 'u1', name: 'bob', password: { salt: 'c2FsdA==', key: 'a2V5' } });
  t.true(isKey('CLEAR', user?.apiKey ?? null));
  t.notRegex(JSON.stringify(user), /CLEAR/);
  t.is(readIndexUser({ Id: 'u2', Name: '../x' }), undefined);
});

test('a new key has the form of the original, and a hash knows its key only', t => {
  t.regex(newApiKey(), /^[A-Z2-7]{52}====$/);
  const hash = hashKey('one');
  t.true(isKey('one', hash));
  t.false(isKey('two', hash));
  t.false(isKey('one', null));
});

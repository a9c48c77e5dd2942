import {
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import {
  currentBranch,
  EMPTY_PROFILE,
  type Profile,
  type Remote,
  withCurrentDot,
  withoutDot,
  withoutRemote,
  withRemote,
} from '../../../src/cli/profile.ts';
import { profileFile } from '../../../src/cli/profile-file.ts';
import { makeHome } from '../../helpers/run-dm.ts';

const remote: Remote = {
  User: 'admin',
  Hostname: 'h',
  ApiKey: 'k',
  CurrentVolume: '',
  CurrentBranches: null,
  DefaultRemoteVolumes: null,
};
const withTwo = withRemote(withRemote(EMPTY_PROFILE, 'a', remote), 'b', remote);

test('the first remote becomes current, later ones do not, and removing it leaves none', t => {
  t.is(withTwo.CurrentRemote, 'a');
  t.is(withoutRemote(withTwo, 'a').CurrentRemote, '');
  t.deepEqual(Object.keys(withoutRemote(withTwo, 'a').Remotes), ['b']);
});

test('servers and S3 remotes share their names, also names that every object has', t => {
  const s3: Profile = { ...withTwo, S3Remotes: { bucket: { KeyID: 'i', SecretKey: 's' } } };
  t.throws(() => withRemote(s3, 'bucket', remote), { message: /^Remote exists/ });
  t.throws(() => withoutRemote(s3, 'constructor'), { message: /^No such remote/ });
  t.true(Object.hasOwn(withRemote(s3, '__proto__', remote).Remotes, '__proto__'));
});

test('a dot of admin is current without its namespace, and its branch is found under both spellings', t => {
  const chosen = withCurrentDot(withTwo, 'a', { namespace: 'admin', name: 'shop' });
  t.is(chosen.Remotes['a']?.CurrentVolume, 'shop');
  const old = { ...remote, CurrentVolume: 'admin/shop', CurrentBranches: { 'admin/shop': 'b1' } };
  const dot = { namespace: 'admin', name: 'shop' };
  t.is(currentBranch(old, dot), 'b1');
  const gone = withoutDot({ ...withTwo, Remotes: { a: old } }, 'a', dot).Remotes['a'];
  t.is(gone?.CurrentVolume, '');
  t.deepEqual(gone?.CurrentBranches, {});
});

test('the file is private, compact JSON on one line, and keeps members that we do not know', async t => {
  const home = makeHome();
  t.teardown(home.remove);
  await profileFile(home.config).update(now => withRemote(now, 'a', remote));
  t.is(statSync(home.config).mode & 0o777, 0o600);
  t.is(statSync(dirname(home.config)).mode & 0o777, 0o700);
  t.is(readFileSync(home.config, 'utf8'), JSON.stringify(home.read()));

  home.write({ New: 1, CurrentRemote: 'a', Remotes: { a: { ...remote, Extra: [2] } } });
  await profileFile(home.config).update(now => withCurrentDot(now, 'a', { namespace: 'bob', name: 'x' }));
  t.deepEqual(home.read(), {
    New: 1,
    CurrentRemote: 'a',
    Remotes: { a: { ...remote, Extra: [2], CurrentVolume: 'bob/x' } },
    S3Remotes: {},
  });
});

for (const [what, text] of [
  ['cut off', '{"CurrentRemote":"a","Remo'],
  ['empty', ''],
  ['a list', '[]'],
  ['a remote without a host', '{"Remotes":{"a":{"User":"u","ApiKey":"k"}}}'],
] as const) {
  test(`a configuration that is ${what} is refused by name and not overwritten`, async t => {
    const home = makeHome();
    t.teardown(home.remove);
    home.write(text);
    const error = await t.throwsAsync(profileFile(home.config).update(now => withRemote(now, 'a', remote)));
    t.true(error.message.includes(home.config));
    t.is(readFileSync(home.config, 'utf8'), text);
  });
}

test('a configuration that is a link stays one', async t => {
  const home = makeHome();
  t.teardown(home.remove);
  mkdirSync(dirname(home.config));
  const real = join(dirname(home.config), 'elsewhere');
  writeFileSync(real, JSON.stringify(EMPTY_PROFILE));
  symlinkSync(real, home.config);
  await profileFile(home.config).update(now => withRemote(now, 'a', remote));
  t.true(lstatSync(home.config).isSymbolicLink());
  t.is(JSON.parse(readFileSync(real, 'utf8')).CurrentRemote, 'a');
});

test('changes made at once are all kept', async t => {
  const home = makeHome();
  t.teardown(home.remove);
  const names = Array.from({ length: 12 }, (_, at) => `r${at}`);
  await Promise.all(names.map(name => profileFile(home.config).update(now => withRemote(now, name, remote))));
  t.deepEqual(Object.keys(home.read()['Remotes'] as object).sort(), names.sort());
});

for (const [what, text] of [
  ['by a dm that was killed', JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), nonce: 'x' })],
  ['half written by a power cut', ''],
] as const) {
  test(`a lock left ${what} is taken away`, async t => {
    const home = makeHome();
    t.teardown(home.remove);
    home.write(EMPTY_PROFILE);
    const lock = `${home.config}.lock`;
    writeFileSync(lock, text);
    if (text === '') utimesSync(lock, 1, 1);
    await profileFile(home.config).update(now => withRemote(now, 'a', remote));
    t.is(home.read()['CurrentRemote'], 'a');
    t.throws(() => statSync(lock), { code: 'ENOENT' });
  });
}

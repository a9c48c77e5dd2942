import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { admin, bench, mountParams, ref } from '../../helpers/workshop.ts';

for (const [what, text] of Object.entries({
  'cut off': '{"version":1,"use',
  empty: '',
  'of an older form': '{"version":0}',
  'damaged inside': '{"version":1,"users":[{"id":7}],"collaborators":{},"mounts":{},"prepared":{}}',
})) {
  test(`a state.json that is ${what} is set aside, said, and the users come from etcd`, async t => {
    const b = await bench();
    t.teardown(b.remove);
    const first = await b.start();
    const key = await first.users.resetApiKey(admin(first).user.Id);
    await first.close();
    await writeFile(join(b.directory, 'state.json'), text);
    const second = await b.start();
    t.is((await second.users.authenticate('admin', key))?.by, 'apikey');
    t.true((await readdir(b.directory)).some(name => /^state\.json\..*\.unreadable$/.test(name)));
    t.regex(b.lines.join(''), /state\.json can not be read: it is set aside/);
    await second.close();
  });
}

test('a state.json of a newer server is not touched: the start is refused', async t => {
  const b = await bench();
  t.teardown(b.remove);
  await writeFile(join(b.directory, 'state.json'), '{"version":2,"more":[]}');
  await t.throwsAsync(b.start(), { code: 'STATE_TOO_NEW' });
  t.is(await readFile(join(b.directory, 'state.json'), 'utf8'), '{"version":2,"more":[]}');
});

test('with neither state.json nor etcd the start is refused: users would be lost', async t => {
  const b = await bench();
  t.teardown(b.remove);
  b.etcd.down = true;
  await t.throwsAsync(b.start(), { code: 'ETCD_UNREACHABLE' });
  t.deepEqual(await readdir(b.directory), []);
});

test('state.json is for its owner only, and holds no secret in clear', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  await workshop.users.applyInitialSecrets({ apiKey: 'THE-KEY-IN-CLEAR', password: 'the-password-in-clear' });
  const path = join(b.directory, 'state.json');
  t.is((await stat(path)).mode & 0o777, 0o600);
  const values = (await b.etcd.list('')).map(one => one.value).join();
  for (const text of [await readFile(path, 'utf8'), values, b.lines.join('')]) t.notRegex(text, /in-clear/i);
  await workshop.close();
});

test('a state that can not be written (the pool is full) fails the call and changes nothing', async t => {
  const b = await bench();
  t.teardown(b.remove);
  let full = false;
  const { writeFileAtomic } = b.options;
  b.options.writeFileAtomic = (...args) =>
    full
      ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
      : writeFileAtomic(...args);
  const workshop = await b.start();
  await workshop.dots.create(admin(workshop), ref('shop'));
  full = true;
  await t.throwsAsync(workshop.dots.prepareMount(mountParams('shop')));
  t.deepEqual(await workshop.dots.mounts(), []);
  full = false;
  await workshop.dots.prepareMount(mountParams('shop'));
  t.is((await workshop.dots.mounts()).length, 1);
  await workshop.close();
});

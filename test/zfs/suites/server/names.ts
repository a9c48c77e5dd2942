/** Names from hell: refused with the reference's words, and nothing comes of them. Wire reference §3.3. */

import { readdir } from 'node:fs/promises';
import type { TestFn } from 'ava';
import { sh } from '../../../helpers/disks.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';

const HOSTILE = [
  '.',
  '..',
  '../..',
  '/',
  '/etc',
  'a/b',
  '@',
  '%',
  '%2e%2e',
  'a%00',
  '\0',
  'a\0b',
  ' ',
  ' a',
  'a ',
  'a b',
  '\n',
  'a\n',
  '-o mountpoint=/',
  '-\n',
  'a.b',
  'a:b',
  '*',
  '$(id)',
  '`id`',
  ';',
  '"',
  "'",
  '\\',
  'ü',
  '名前',
  'ａ',
  '\u202e',
  '\ud800',
  'a'.repeat(65),
  '-'.repeat(65),
  'a'.repeat(100_000),
];

/** What the issue names: for a guest, where a request costs ten times what it costs outside. */
const FEW = HOSTILE.filter(name =>
  ['..', '/', '@', '%', '\0', '\n', '-o mountpoint=/', 'ü', 'a'.repeat(65)].includes(name),
);

const pattern = 'name, should match pattern: ^[a-zA-Z0-9_\\-]{1,64}$';

export function namesSuite(test: TestFn, bed: () => ServerBed, { few }: { few: boolean }): void {
  /** Everything that a name could have left: datasets, mounts and links. */
  const everything = async () =>
    [
      ...(await bed().datasets()),
      ...(await readdir(bed().at.folder)),
      ...(await readdir(bed().at.mountPrefix, { recursive: true })),
      ...(await readdir(bed().at.containerMountPrefix, { recursive: true })),
    ].sort();

  test.serial(
    'hostile names are refused with the message of the reference, and nothing comes of them',
    async t => {
      await bed().up();
      await bed().admin('Procure', { Namespace: 'admin', Name: 'shop', Subdot: '' });
      const before = await everything();
      const expect = async (method: string, params: object, message: string) => {
        const { error, http } = await bed().call(method, params);
        t.is(http.status, 200);
        t.is(error, message, `${method} ${JSON.stringify(params).slice(0, 120)}`);
      };
      for (const name of few ? FEW : HOSTILE) {
        for (const method of ['Create', 'Delete', 'Exists', 'Lookup', 'Procure'])
          await expect(
            method,
            { Namespace: name, Name: 'x', Branch: '', Subdot: '' },
            `invalid namespace ${pattern}`,
          );
        for (const method of ['Create', 'Delete', 'Exists', 'Lookup'])
          await expect(method, { Namespace: 'admin', Name: name, Branch: '' }, `invalid dot ${pattern}`);
        for (const method of ['Exists', 'Lookup'])
          await expect(
            method,
            { Namespace: 'admin', Name: 'shop', Branch: name },
            `invalid branch ${pattern}`,
          );
        const subdot = { Namespace: 'admin', Name: 'shop', Subdot: name };
        await expect('Procure', subdot, `invalid subdot ${pattern}`);
        // Procure reads NAME@BRANCH.
        if (!name.includes('@')) {
          await expect('Procure', { Namespace: 'admin', Name: name, Subdot: '' }, `invalid dot ${pattern}`);
          await expect(
            'Procure',
            { Namespace: 'admin', Name: `shop@${name}`, Subdot: '' },
            `invalid branch ${pattern}`,
          );
        }
      }
      await expect('Procure', { Namespace: 'admin', Name: '@', Subdot: '' }, 'name cannot be empty');
      await expect('Create', { Namespace: 'admin', Name: '' }, 'name cannot be empty');
      await expect('Create', { Namespace: '', Name: 'x' }, 'namespace cannot be empty');
      t.deepEqual(await everything(), before);
    },
  );

  test.serial('names that the pattern allows are taken literally, whatever they look like', async t => {
    await bed().up();
    const all = ['__proto__', 'a'.repeat(64), 'a--', 'constructor', 'dmfs', '_hidden'];
    for (const Name of few ? all.slice(0, 2) : all) {
      const ref = { Namespace: 'admin', Name };
      const path = await bed().admin<string>('Procure', { ...ref, Subdot: '-p' });
      t.is(path, `${bed().at.containerMountPrefix}/admin/${Name}/-p`);
      t.true((await bed().names()).includes(Name), Name);
      t.is((await bed().datasetsNamed(Name)).length, 1, Name);
      t.is(await bed().admin('Delete', ref), true);
      t.false((await bed().names()).includes(Name), Name);
    }
  });

  test.serial(
    'no new name begins with a dash; what has one already is reached by it, and goes by it',
    async t => {
      await bed().up();
      await bed().create('plain');
      const id = await bed().admin<string>('Lookup', bed().dot('plain'));
      const before = await everything();
      for (const Name of ['-rf', '--', '-']) {
        const refusal = `invalid dot ${pattern}, and not begin with "-"`;
        const ref = { Namespace: 'admin', Name };
        for (const method of ['Create', 'Procure'])
          t.is((await bed().call(method, { ...ref, Subdot: '' })).error, refusal, `${method} ${Name}`);
        t.is(await bed().admin('CheckNameIsValid', { ...ref, Branch: '' }), refusal);
      }
      t.deepEqual(await everything(), before);

      // As a server that took the pattern alone has made it.
      await bed().stopServer();
      await sh('zfs', 'set', 'dm-linuxkit:name=-rf', bed().dataset(id));
      await bed().up();
      t.is(await bed().admin('Lookup', bed().dot('-rf')), id);
      const ref = { Namespace: 'admin', Name: '-rf' };
      t.is(
        await bed().admin('Procure', { ...ref, Subdot: '' }),
        `${bed().at.containerMountPrefix}/admin/-rf`,
      );
      t.is(await bed().admin('Delete', ref), true);
      t.false((await bed().names()).includes('-rf'));
    },
  );
}

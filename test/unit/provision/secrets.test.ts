import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import {
  ensureSecrets,
  makeApiKey,
  makePassword,
  readGivenSecret,
  rememberGiven,
  secretFault,
} from '../../../src/provision/secrets.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'text' });
const NONE = { apiKeyFile: undefined, passwordFile: undefined };

const folder = test.macro(
  async (t, body: (t: import('ava').ExecutionContext, directory: string) => Promise<void>) => {
    const directory = await mkdtemp(join(tmpdir(), 'secrets-'));
    try {
      await body(t, directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);

test('what is made once stays the same, for root only', folder, async (t, directory) => {
  const made = await ensureSecrets(NONE, directory, log);
  const first = await readFile(made.apiKeyFile ?? '', 'utf8');
  t.is((await stat(made.apiKeyFile ?? '')).mode & 0o777, 0o600);
  t.is((await stat(made.passwordFile ?? '')).mode & 0o777, 0o600);
  t.is((await stat(join(directory, 'secrets'))).mode & 0o777, 0o700);
  t.deepEqual(await ensureSecrets(NONE, directory, log), made);
  t.is(await readFile(made.apiKeyFile ?? '', 'utf8'), first);
});

test('a file that a full disk left empty is made again', folder, async (t, directory) => {
  const { apiKeyFile = '' } = await ensureSecrets(NONE, directory, log);
  await writeFile(apiKeyFile, '');
  await ensureSecrets(NONE, directory, log);
  t.is(secretFault(await readFile(apiKeyFile, 'utf8')), '');
});

test(
  'a pool that had a key from the metadata gets no other at a boot without metadata',
  folder,
  async (t, directory) => {
    const given = { apiKeyFile: join(directory, 'key'), passwordFile: undefined };
    await ensureSecrets(NONE, directory, log);
    t.deepEqual(await ensureSecrets(given, directory, log), {
      apiKeyFile: given.apiKeyFile,
      passwordFile: join(directory, 'secrets/admin-password'),
    });
    t.truthy(
      (await ensureSecrets(NONE, directory, log)).apiKeyFile,
      'the server may never have come up with it',
    );
    const made = join(directory, 'secrets/admin-api-key');
    await readFile(made);
    await rememberGiven(given, directory);
    await t.throwsAsync(readFile(made), { code: 'ENOENT' }, 'one that was made is not in force any more');
    const before = await stat(`${made}.given`);
    await rememberGiven(given, directory);
    t.is((await stat(`${made}.given`)).ino, before.ino, 'a later boot writes nothing');
    t.deepEqual(await ensureSecrets(NONE, directory, log), {
      apiKeyFile: undefined,
      passwordFile: join(directory, 'secrets/admin-password'),
    });
    t.is((await ensureSecrets(given, directory, log)).apiKeyFile, given.apiKeyFile);
  },
);

test(
  'a given file is used where it is, and has to be there when it was named',
  folder,
  async (t, directory) => {
    const path = join(directory, 'key');
    await writeFile(path, 'a-key-of-mine\n');
    t.is(await readGivenSecret('admin-api-key', path, '/nowhere'), path);
    t.is(await readGivenSecret('admin-api-key', undefined, path), path);
    t.is(await readGivenSecret('admin-api-key', undefined, '/nowhere'), undefined);
    await t.throwsAsync(readGivenSecret('admin-api-key', '/nowhere', path), { code: 'SECRET_MISSING' });
    t.is((await ensureSecrets({ ...NONE, apiKeyFile: path }, directory, log)).apiKeyFile, path);
    for (const text of ['', '\n', 'short', 'two\nlines of it', 'x'.repeat(2000)]) {
      await writeFile(path, text);
      const error = await t.throwsAsync(readGivenSecret('admin-api-key', path, ''), { code: 'BAD_SECRET' });
      t.false(text.length > 3 && error?.message.includes(text));
    }
  },
);

test('a key is 256 bits of base32 with padding, a password 24 letters', t => {
  const keys = Array.from({ length: 50 }, makeApiKey);
  t.is(new Set(keys).size, keys.length);
  for (const key of keys) t.regex(key, /^[A-Z2-7]{52}====$/);
  t.regex(makePassword(), /^[a-zA-Z2-9]{24}$/);
});

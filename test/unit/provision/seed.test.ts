import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isDmError } from '../../../src/lib/errors.ts';
import { createLog } from '../../../src/lib/log.ts';
import { refuseSeed } from '../../../src/provision/input.ts';
import { parseCredentials, parseSeed, seedingComesLater } from '../../../src/provision/seed.ts';

test('a seed names a host, a port if need be, and a dot with its namespace', t => {
  t.deepEqual(parseSeed('hub.example/alice/shop'), {
    host: 'hub.example',
    port: 32607,
    address: { namespace: 'alice', name: 'shop', branch: '', subdot: '__default__', pinned: false },
  });
  t.deepEqual(parseSeed('[::1]:80/alice/shop@v2.db'), {
    host: '::1',
    port: 80,
    address: { namespace: 'alice', name: 'shop', branch: 'v2', subdot: 'db', pinned: true },
  });
});

test('a seed that is not one is refused', t => {
  for (const text of [
    '',
    'hub',
    'hub/shop',
    'hub:0/a/b',
    'hub:99999/a/b',
    '[x]/a/b',
    '-h/a/b',
    'u@hub/a/b',
    'http://hub/a/b',
    'hub/a/b/c',
  ])
    t.throws(() => parseSeed(text), { code: 'BAD_SEED' }, text);
  for (const text of ['hub/a/..', 'hub/a/b@', 'hub/a b/c'])
    t.throws(() => parseSeed(text), { code: 'INVALID_NAME' }, text);
});

test('a key goes on after the first colon, and a newline at the end does not count', t => {
  t.deepEqual(parseCredentials('alice:K:E=Y\n', 'f'), { user: 'alice', key: 'K:E=Y' });
});

test('credentials that are none are refused without being repeated', t => {
  for (const text of ['', '\n', 'alice', ':secret1', 'alice:', 'alice:secret1\nbob:secret2']) {
    const error = t.throws(() => parseCredentials(text, '/run/config/dotmesh/credentials'), {
      code: 'BAD_CREDENTIALS',
    });
    t.true(isDmError(error) && error.kind === 'secrets');
    t.false(/secret1|secret2/.test(`${error?.message} ${isDmError(error) ? error.hint : ''}`));
  }
});

test('a seed is refused in one sentence that says when it will work', t => {
  const error = seedingComesLater(parseSeed('hub/alice/shop'));
  t.is(error.kind, 'usage');
  t.regex(error.message, /push and pull\.$/);
});

test('a key that was written into the seed by mistake is not repeated in the message', t => {
  const error = t.throws(() => parseSeed('admin:S3CRET@hub:32607/alice/shop'), { code: 'BAD_SEED' });
  t.notRegex(error?.message ?? '', /S3CRET/);
});

test('files of the metadata that can not be read are told as that: a seed as usage, credentials as a secret', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'seed-'));
  const log = createLog({ name: 'test', level: 'silent', format: 'text' });
  const absent = join(folder, 'absent');
  const none = { files: {}, seed: undefined, remoteUsername: undefined, remoteApiKey: undefined };
  const refusal = async (options: typeof none | { seed: string }, presets: object) => {
    const all = { seed: absent, credentials: absent, ...presets };
    const error = await refuseSeed({ ...none, ...options }, log, all).catch((reason: unknown) => reason);
    return isDmError(error) ? `${error.kind}/${error.code}` : String(error);
  };
  try {
    t.is(await refusal(none, {}), 'undefined');
    t.is(await refusal(none, { seed: folder }), 'usage/FILE_UNREADABLE');
    const seed = 'hub.example/alice/shop';
    t.is(await refusal({ seed }, { credentials: folder }), 'secrets/SECRET_UNREADABLE');
    t.is(await refusal({ seed }, {}), 'secrets/CREDENTIALS_MISSING');
  } finally {
    await rmdir(folder);
  }
});

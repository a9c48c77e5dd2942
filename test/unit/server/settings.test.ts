import { chmodSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { exitCodeOf } from '../../../src/lib/exit-codes.ts';
import { readSettings } from '../../../src/server/settings.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('the environment that the original dm-linuxkit gives is enough', t => {
  const settings = readSettings({
    CONTAINER_RUNTIME: 'null',
    MOUNT_PREFIX: '/var/dotmesh/mnt',
    CONTAINER_MOUNT_PREFIX: '/var/dotmesh/container_mnt',
    DISABLE_FLEXVOLUME: '1',
    DOTMESH_ETCD_ENDPOINT: 'http://localhost:2379',
    POOL: 'dotmesh-pool',
    INITIAL_ADMIN_PASSWORD: base64(' password\n'),
    INITIAL_ADMIN_API_KEY: base64('key'),
  });
  t.deepEqual(settings, {
    pool: 'dotmesh-pool',
    mountPrefix: '/var/dotmesh/mnt',
    containerMountPrefix: '/var/dotmesh/container_mnt',
    etcdEndpoint: 'http://localhost:2379',
    pkiPath: '/pki',
    listen: { host: undefined, port: 32607 },
    check: { host: undefined, port: 32608 },
    socket: undefined,
    stateDirectory: undefined,
    secrets: { password: 'password', apiKey: 'key' },
    adminKeyFile: undefined,
    logLevel: 'info',
    logFormat: 'text',
  });
});

test('where to listen: ours before the original, and the liveness port after it', t => {
  const where = (env: Record<string, string>) => {
    const { listen, check } = readSettings({ POOL: 'p', ...env });
    return [listen?.host, listen?.port, check?.host, check?.port];
  };
  t.deepEqual(where({ DOTMESH_SERVER_PORT: '40' }), [undefined, 40, undefined, 41]);
  t.deepEqual(where({ DOTMESH_SERVER_PORT: '40', DOTMESH_LISTEN: '[::1]:50' }), ['::1', 50, '::1', 51]);
  t.deepEqual(where({ DOTMESH_LISTEN: '127.0.0.1:0' }), ['127.0.0.1', 0, undefined, undefined]);
  t.deepEqual(where({ DOTMESH_LISTEN: ':65535' }), [undefined, 65535, undefined, undefined]);
  t.deepEqual(where({ DOTMESH_CHECK_LISTEN: 'off' }), [undefined, 32607, undefined, undefined]);
  t.deepEqual(
    where({ DOTMESH_LISTEN: 'off', DOTMESH_SERVER_PORT: '40', DOTMESH_SOCKET: '/s' }),
    Array(4).fill(undefined),
  );
  t.deepEqual(where({ DOTMESH_CHECK_LISTEN: 'h:9' }), [undefined, 32607, 'h', 9]);
});

test("the original's names of log levels are understood", t => {
  const level = (LOG_LEVEL: string) => readSettings({ POOL: 'p', LOG_LEVEL }).logLevel;
  t.deepEqual(['WARNING', 'fatal', 'debug', ''].map(level), ['warn', 'error', 'debug', 'info']);
});

const BAD: [variable: string, value: string, sentence: RegExp][] = [
  ['POOL', '', /^POOL is not set/],
  ['POOL', '-x', /^POOL is "-x", which no pool can be called/],
  ['POOL', 'a/b', /^POOL is "a\/b"/],
  ['MOUNT_PREFIX', 'relative', /^MOUNT_PREFIX is "relative"/],
  ['CONTAINER_MOUNT_PREFIX', '/a/../b', /^CONTAINER_MOUNT_PREFIX /],
  ['DOTMESH_SERVER_PORT', '70000', /^DOTMESH_SERVER_PORT is "70000"/],
  ['DOTMESH_SERVER_PORT', '80x', /^DOTMESH_SERVER_PORT is "80x"/],
  ['DOTMESH_LISTEN', 'nowhere', /^DOTMESH_LISTEN is "nowhere"/],
  ['DOTMESH_LISTEN', '[1.2.3.4]:5', /^DOTMESH_LISTEN /],
  ['DOTMESH_LISTEN', 'off', /^DOTMESH_LISTEN is off, and DOTMESH_SOCKET is not set/],
  ['DOTMESH_CHECK_LISTEN', '1', /^DOTMESH_CHECK_LISTEN is "1"/],
  ['DOTMESH_ETCD_ENDPOINT', 'localhost:2379', /^DOTMESH_ETCD_ENDPOINT should be a URL/],
  ['DOTMESH_SOCKET', `/${'x'.repeat(107)}`, /^DOTMESH_SOCKET is longer/],
  ['DOTMESH_STATE_DIR', 'x', /^DOTMESH_STATE_DIR /],
  ['CONTAINER_RUNTIME', 'podman', /^CONTAINER_RUNTIME is "podman"/],
  ['DOTMESH_STORAGE', 'boltdb', /^DOTMESH_STORAGE is "boltdb"/],
  ['EXTERNAL_USER_MANAGER_URL', 'http://x', /^EXTERNAL_USER_MANAGER_URL is set/],
  ['LOG_LEVEL', 'loud\n', /^LOG_LEVEL is "loud\\n"/],
  ['DOTMESH_LOG_FORMAT', 'xml', /^DOTMESH_LOG_FORMAT is "xml"/],
];

test('each bad value is one sentence that names the variable, and exit code 2', t => {
  for (const [variable, value, sentence] of BAD) {
    const error = t.throws(() => readSettings({ POOL: 'p', [variable]: value }), { message: sentence });
    t.is(exitCodeOf(error), 2, variable);
    t.notRegex(error?.message ?? '', /\n/);
  }
});

test('a bad secret is never repeated', t => {
  for (const value of ['not base64!', 'abc', '===', base64(' \n')]) {
    const error = t.throws(() => readSettings({ POOL: 'p', INITIAL_ADMIN_API_KEY: value }));
    t.is(error?.message, 'INITIAL_ADMIN_API_KEY should hold a value in base64.');
  }
});

test('secrets come from files first, without their trailing newline', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'dm-settings-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'key');
  const read = () =>
    readSettings({ POOL: 'p', DOTMESH_ADMIN_API_KEY_FILE: file, INITIAL_ADMIN_API_KEY: base64('x') });
  t.is(t.throws(read) && exitCodeOf(t.throws(read)), 10);
  writeFileSync(file, ' from file \n');
  chmodSync(file, 0o600);
  t.is(read().secrets.apiKey, ' from file ');
  writeFileSync(file, '\n');
  t.throws(read, { message: /is empty/ });
});

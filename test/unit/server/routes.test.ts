import test from 'ava';
import fc from 'fast-check';
import type { Caller } from '../../../src/dots/index.ts';
import { DmError } from '../../../src/lib/errors.ts';
import { cleanPath } from '../../../src/server/routes.ts';
import type { BranchRef } from '../../../src/wire/methods.ts';
import { EVE_KEY } from '../../helpers/fake-workshop.ts';
import { startTestServer, type TestServer } from '../../helpers/rpc-server.ts';

let server: TestServer;
let fault = '';
test.before(async () => {
  const diffLatest = async (_caller: Caller, { Namespace, Name }: BranchRef) => {
    if (Name === 'none') throw new DmError('dot', 'DOT_MISSING', 'No such filesystem');
    if (Name === 'bare') return undefined;
    return Namespace === 'eve' ? [{ change: '+', filename: 'a & b' }] : [];
  };
  server = await startTestServer({ workshop: { check: async () => fault }, reading: { diffLatest } });
});
test.after.always(() => server?.stop());

test('paths that are no routes are not found, with the original body', async t => {
  const paths = [
    '/',
    '/rpc/',
    '/RPC',
    '/status',
    '/filesystems/a/b/c',
    '/diff/a',
    '/diff/a:b/c/d',
    '/s3/a',
    '/rpc%2f',
    '/constructor',
  ];
  for (const path of paths) {
    const { status, headers, body } = await server.ask({ path });
    t.is(status, 404, path);
    t.is(body, '404 page not found\n');
    t.is(headers['content-type'], 'text/plain; charset=utf-8');
    t.is(headers['x-content-type-options'], 'nosniff');
  }
});

test('a route asked by another method is 405 and empty', async t => {
  const { status, body } = await server.ask({ path: '/rpc' });
  t.is(status, 405);
  t.is(body, '');
});

test('unclean paths are redirected to the clean one of this server', async t => {
  const location = async (path: string) => {
    const { status, headers } = await server.ask({ path });
    return status === 301 ? headers.location : status;
  };
  t.is(await location('//rpc'), '/rpc');
  t.is(await location('/a/../rpc?x=1'), '/rpc?x=1');
  t.is(await location('/./a/'), '/a/');
  t.is(await location('//evil.example/..//evil.example'), '/evil.example');
  t.is(await location('/..%0d%0aSet-Cookie:x'), 404);
  t.is(await location('//%0d%0aSet-Cookie:x'), '/%0D%0ASet-Cookie%3Ax');
  t.is(await location('/%ff'), 400);
});

test('a clean path stays as it is and never leaves the root', t => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '..', '.', '', 'b')), parts => {
      const clean = cleanPath(`/${parts.join('/')}`);
      t.true(clean.startsWith('/'));
      t.false(/\/\/|\/\.\.?(?:\/|$)/.test(clean));
      t.is(cleanPath(clean), clean);
    }),
  );
});

test('/check answers OK without credentials, by any method', async t => {
  for (const method of ['GET', 'POST', 'DELETE']) {
    const { status, body } = await server.ask({ path: '/check', method, auth: null });
    t.is(status, 200);
    t.is(body, 'OK');
  }
});

test('the liveness port tells what is wrong, and nothing else', async t => {
  t.is((await server.ask({ over: 'check', path: '/check', auth: null })).body, 'OK');
  t.is((await server.ask({ over: 'check', path: '/metrics' })).status, 404);
  t.is((await server.ask({ over: 'check', path: '/check', method: 'POST' })).status, 405);
  fault = 'Error reading from etcd: gone';
  const { status, body } = await server.ask({ over: 'check', path: '/check', auth: null });
  t.is(status, 500);
  t.is(body, 'Error reading from etcd: gone\n\n');
});

test('metrics count requests and calls, but not themselves, and strangers make no new labels', async t => {
  await server.call('Ping', null);
  await server.ask({ path: '/some/unheard/path' });
  await server.call('NoSuchMethod', null);
  const { body, headers } = await server.ask({ path: '/metrics', auth: null });
  t.regex(headers['content-type'] ?? '', /^text\/plain/);
  t.regex(body, /^dm_req_total\{url="\/rpc",http_method="POST",status_code="200"\} \d+$/m);
  t.regex(body, /^dm_req_total\{url="\/\*",http_method="GET",status_code="404"\} \d+$/m);
  t.regex(body, /^dm_req_duration_seconds_count\{url="\/rpc",/m);
  t.regex(
    body,
    /^dm_rpc_req_duration_seconds_count\{url="\/rpc",rpc_method="DotmeshRPC.Ping",status_code="200"\} \d+$/m,
  );
  t.regex(body, /^dm_zpool_usage_percentage\{node_name="abc123",pool_name="tank"\} 42$/m);
  t.regex(body, /^process_resident_memory_bytes \d+$/m);
  t.notRegex(body, /unheard|NoSuchMethod|\/check|\/metrics/);
});

test("a diff over HTTP is for the namespace's own user, in the original's form", async t => {
  const get = async (path: string, auth?: string) => {
    const { status, body } = await server.ask({ path, ...(auth === undefined ? {} : { auth }) });
    return [status, body];
  };
  t.deepEqual(await get('/diff/admin:shop'), [200, 'null\n']);
  t.deepEqual(await get('/diff/eve:shop/c1', `eve:${EVE_KEY}`), [
    200,
    '[{"change":"+","filename":"a \\u0026 b"}]\n',
  ]);
  t.deepEqual(await get('/diff/admin:shop', `eve:${EVE_KEY}`), [
    401,
    'User eve is not the administrator of namespace admin\n',
  ]);
  t.deepEqual(await get('/diff/admin:shop', 'eve:wrong'), [401, 'Unauthorized.\n']);
  t.deepEqual(await get('/diff/admin:none'), [500, 'master node for filesystem  not found\n']);
  t.deepEqual(await get('/diff/admin:bare'), [400, 'no snapshots found\n']);
  const pattern = 'should match pattern: ^[a-zA-Z0-9_\\-]{1,64}$\n';
  t.deepEqual(await get('/diff/admin:a.b'), [400, `invalid dot name, ${pattern}`]);
  t.deepEqual(await get('/diff/admin:shop/a.b'), [400, `invalid snapshot name, ${pattern}`]);
  t.is((await server.ask({ path: '/diff/admin:shop', method: 'POST' })).status, 405);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findServer, originsOf } from '../../../src/remote/address.ts';
import { maskSecrets } from '../../../src/remote/mask.ts';
import { createRpcClient, type RpcClientOptions } from '../../../src/remote/rpc-client.ts';
import { listen, startFakeDotmesh } from '../../helpers/fake-dotmesh.ts';

function client(t: ExecutionContext, port: number, options: RpcClientOptions = {}, apiKey = 'key') {
  const made = createRpcClient({ host: '127.0.0.1', port, user: 'admin', apiKey }, options);
  t.teardown(() => made.close());
  return made;
}

test('a call carries method, params, a whole number as id and the credentials', async t => {
  const server = await startFakeDotmesh({ Lookup: ({ Name }) => `id of ${Name}` });
  t.teardown(server.close);
  const params = { Namespace: 'admin', Name: 'shop', Branch: '' };
  t.is(await client(t, server.port).call('Lookup', params), 'id of shop');
  t.deepEqual(server.calls, [
    {
      method: 'DotmeshRPC.Lookup',
      params,
      authorization: `Basic ${Buffer.from('admin:key').toString('base64')}`,
    },
  ]);
});

test('errors of the server keep its words; a refused key has the words of the original', async t => {
  const server = await startFakeDotmesh({
    Ping: () => {
      throw new Error('No such filesystem named');
    },
    List: () => null,
  });
  t.teardown(server.close);
  const good = client(t, server.port);
  await t.throwsAsync(good.call('Ping', null), { code: 'RPC_ERROR', message: 'No such filesystem named' });
  await t.throwsAsync(good.call('Version', null), { code: 'METHOD_MISSING' });
  await t.throwsAsync(good.call('List', null), { code: 'NO_RESULT' });
  await t.throwsAsync(client(t, server.port, {}, 'other').call('Ping', null), {
    code: 'DENIED',
    message: 'Permission denied. Please check that your API key is still valid.',
  });
});

for (const [what, status, body] of [
  ['a web page', 200, '<html>'],
  ['nothing', 200, ''],
  ['JSON of another kind', 200, '{"ok":true}'],
  ['a proxy error', 502, 'Bad Gateway'],
] as const) {
  test(`an answer that is ${what} is not taken for a dotmesh server's`, async t => {
    const server = await listen((_request, response) => response.writeHead(status).end(body));
    t.teardown(server.close);
    const error = await t.throwsAsync(client(t, server.port).call('Ping', null), { code: 'NOT_DOTMESH' });
    t.true(error.message.includes(`127.0.0.1:${server.port}`));
  });
}

test('a redirect is not followed: the key stays here', async t => {
  const other = await startFakeDotmesh({ Ping: () => true });
  const server = await listen((_request, response) =>
    response.writeHead(307, { Location: `http://127.0.0.1:${other.port}/rpc` }).end(),
  );
  t.teardown(() => Promise.all([server.close(), other.close()]));
  await t.throwsAsync(client(t, server.port).call('Ping', null), { code: 'NOT_DOTMESH' });
  t.deepEqual(other.calls, []);
});

test('a server that stalls, or stops in the middle of its answer, is not waited for without end', async t => {
  const server = await listen((request, response) => {
    if (request.url === '/rpc')
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"res');
  });
  t.teardown(server.close);
  await t.throwsAsync(client(t, server.port).call('Ping', null, { timeoutMs: 200 }), {
    code: 'RPC_TIMED_OUT',
  });
});

test('a connection that is cut in the middle of the answer is a failure that names the server', async t => {
  const server = await listen((_request, response) => {
    response.writeHead(200, { 'Content-Length': '100' }).write('{"res', () => response.destroy());
  });
  t.teardown(server.close);
  const error = await t.throwsAsync(client(t, server.port).call('Ping', null), { code: 'UNREACHABLE' });
  t.true(error.message.startsWith(`Unable to connect to 127.0.0.1:${server.port}`));
});

test('over a UNIX socket no credentials are sent, and a socket that is not there is named', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dm-rpc-'));
  const socketPath = join(folder, 'server.sock');
  const seen: (string | undefined)[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    request.resume().on('end', () => response.end('{"jsonrpc":"2.0","result":true,"id":1}\n'));
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  const rpc = createRpcClient({ socketPath }, { timeoutMs: 20_000 });
  const error = await t.throwsAsync(rpc.call('Ping', null), { code: 'UNREACHABLE' });
  t.true(error.message.includes(socketPath));
  await new Promise<void>(resolve => server.listen(socketPath, resolve));
  t.true(await rpc.call('Ping', null));
  rpc.close();
  t.deepEqual(seen, [undefined]);
});

test('without a port https comes first, then the places of the original; IPv6 gets its brackets once', t => {
  t.deepEqual(originsOf('hub', undefined), ['https://hub:443', 'http://hub:80', 'http://hub:32607']);
  t.deepEqual(originsOf('::1', 7), ['http://[::1]:7']);
  t.deepEqual(originsOf('[::1]', 7), ['http://[::1]:7']);
});

test('looking for a server shows nobody the key, and takes the first that is one', async t => {
  const page = await listen((_request, response) => response.end('<html>'));
  const other = await listen((_request, response) => response.writeHead(401).end('Go away'));
  const server = await startFakeDotmesh({});
  t.teardown(() => Promise.all([page.close(), other.close(), server.close()]));
  const origins = [page, other, server].map(({ port }) => `http://127.0.0.1:${port}`);
  const http = await findServer(origins, '{}', 20_000);
  t.deepEqual(server.calls, [{ method: '401', params: null, authorization: undefined }]);
  t.is((await http.post({ body: '{}', timeoutMs: 20_000 })).body, 'Unauthorized.\n');
  http.close();
  const error = await t.throwsAsync(findServer(origins.slice(0, 2), '{}', 20_000));
  t.regex(error.message, /^Unable to connect to any of the addresses attempted/);
});

test('what is shown of requests and answers has no secrets, under their names or anywhere', t => {
  const text = '{"params":{"ApiKey":"abc","NewPassword":"p","Name":"x abc y"},"n":1}';
  t.is(
    maskSecrets(text, ['abc']),
    '{"params":{"ApiKey":"[secret]","NewPassword":"[secret]","Name":"x [secret] y"},"n":1}',
  );
  t.is(maskSecrets('<html>abc', ['abc', '']), '<html>[secret]');
});

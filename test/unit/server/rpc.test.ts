import { request } from 'node:http';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { ADMIN_PASSWORD, EVE_KEY } from '../../helpers/fake-workshop.ts';
import { startTestServer, type TestServer } from '../../helpers/rpc-server.ts';

const PING = '{"jsonrpc":"2.0","method":"DotmeshRPC.Ping","params":null,"id":9223372036854775807}';
const PASSWORD = `admin:${ADMIN_PASSWORD}`;
const EVE = `eve:${EVE_KEY}`;

let server: TestServer;
test.before(async () => {
  server = await startTestServer({
    dots: {
      get: async (_caller, id) => {
        if (id === 'hint') throw new DmError('dot', 'X', 'No such thing.', { hint: 'Make one.' });
        throw new Error('secret path /root/x');
      },
    },
  });
});
test.after.always(() => server?.stop());

test('a call over HTTP is answered byte for byte as the original does', async t => {
  const { status, headers, body } = await server.rpc(PING, {
    headers: { 'Content-Type': 'Application/JSON; charset=utf-8' },
  });
  t.is(status, 200);
  t.is(headers['content-type'], 'application/json; charset=utf-8');
  t.is(headers['x-content-type-options'], 'nosniff');
  t.is(body, '{"jsonrpc":"2.0","result":true,"id":9223372036854775807}\n');
});

test('without valid credentials there is 401, and no question for a password', async t => {
  for (const auth of [null, 'admin:wrong', 'nobody:x', ':', 'admin']) {
    const { status, headers, body } = await server.rpc(PING, { auth });
    t.is(status, 401);
    t.is(body, 'Unauthorized.\n');
    t.is(headers['content-type'], 'text/plain; charset=utf-8');
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['www-authenticate'], undefined);
  }
});

test('over the UNIX socket the caller is admin, whatever the headers say', async t => {
  for (const auth of [null, 'eve:wrong']) {
    t.like(await server.call('CurrentUser', null, { over: 'socket', auth }), { Name: 'admin' });
  }
});

test('without an id the method runs and the answer is empty', async t => {
  const create = { Namespace: 'admin', Name: 'quiet' };
  const body = JSON.stringify({ jsonrpc: '2.0', method: 'DotmeshRPC.Create', params: create });
  const answer = await server.rpc(body);
  t.is(answer.status, 200);
  t.is(answer.body, '');
  t.is(answer.headers['content-type'], undefined);
  t.regex(String(await server.call('Exists', create)), /^id-/);
});

test('malformed requests are answered 200 and empty', async t => {
  for (const body of ['', '{', `[${PING}]`]) {
    const answer = await server.rpc(body);
    t.is(answer.status, 200);
    t.is(answer.body, '');
    t.is(answer.headers['content-type'], undefined);
  }
});

test('nosniff is sent only once a method was reached', async t => {
  const { headers } = await server.rpc('{"jsonrpc":"2.0","method":"DotmeshRPC.Nope","id":1}');
  t.is(headers['x-content-type-options'], undefined);
  t.is(headers['content-type'], 'application/json; charset=utf-8');
});

test('another content type is 415', async t => {
  const answer = await server.rpc(PING, { headers: { 'Content-Type': 'text/JSON; x=y' } });
  t.is(answer.status, 415);
  t.is(answer.body, 'rpc: unrecognized Content-Type: text/JSON');
  const none = await server.ask({ method: 'POST', path: '/rpc', body: PING });
  t.is(none.body, 'rpc: unrecognized Content-Type: ');
});

test('a body over 16 MiB is refused with 413, one of exactly 16 MiB is read', async t => {
  const padded = PING + ' '.repeat((16 << 20) - PING.length);
  t.is((await server.rpc(padded)).status, 200);
  const { status, body } = await server.rpc(`${padded} `);
  t.is(status, 413);
  t.is(body, 'The request is larger than 16777216 bytes.\n');
});

const BAD_NAMES = [
  '..',
  '/',
  'a/b',
  '@',
  'a@b',
  '%',
  '%2e',
  '\0',
  'a\0',
  'a'.repeat(65),
  'ä',
  '名',
  '😀',
  ' ',
  'a\n',
];

test('names that are not allowed get the original message in every field', async t => {
  const pattern = '^[a-zA-Z0-9_\\-]{1,64}$';
  const invalid = (kind: string) => `invalid ${kind} name, should match pattern: ${pattern}`;
  for (const bad of BAD_NAMES) {
    const dot = { Namespace: 'admin', Name: bad };
    for (const method of ['Create', 'Delete', 'Lookup', 'Exists', 'Procure']) {
      t.is(await server.call(method, dot), invalid('dot'), `${method} ${JSON.stringify(bad)}`);
    }
    t.is(await server.call('Create', { Namespace: bad, Name: bad }), invalid('namespace'));
    t.is(await server.call('Lookup', { Namespace: 'admin', Name: 'a', Branch: bad }), invalid('branch'));
    t.is(await server.call('Procure', { Namespace: 'admin', Name: 'a', Subdot: bad }), invalid('subdot'));
    t.is(await server.call('CheckNameIsValid', { ...dot, Branch: '' }), invalid('dot'));
  }
  t.is(await server.call('Create', { Namespace: 'admin', Name: '' }), 'name cannot be empty');
  t.is(await server.call('Create', null), 'namespace cannot be empty');
  t.is(await server.call('CheckNameIsValid', { Namespace: 'a', Name: 'b-', Branch: '' }), '');
  t.is(
    await server.call('CheckNameIsValid', { Namespace: 'a', Name: '-b', Branch: '' }),
    `${invalid('dot')}, and not begin with "-"`,
  );
});

test('a dot that is called like a member of Object is listed', async t => {
  for (const Name of ['__proto__', 'constructor']) {
    await server.call('Create', { Namespace: '__proto__', Name });
  }
  const { body } = await server.rpc('{"jsonrpc":"2.0","method":"DotmeshRPC.List","id":1}');
  t.regex(body, /"__proto__":\{"__proto__":\{"Id":"id-\d+",.*"constructor":\{"Id"/);
  const listed = await server.rpc('{"jsonrpc":"2.0","method":"DotmeshRPC.ListWithContainers","id":1}');
  t.regex(listed.body, /"Containers":\[\]/);
});

test('permissions are refused in the original words', async t => {
  const notAdmin = 'Userid 11111111-1111-4111-8111-111111111111 is not admin user';
  const password = 'Password authentication is required for this method.';
  t.is(await server.call('Version', null, { auth: EVE }), notAdmin);
  t.is(await server.call('Config', null, { auth: EVE }), notAdmin);
  t.is(await server.call('Procure', { Namespace: 'a', Name: 'b' }, { auth: EVE }), notAdmin);
  t.is(await server.call('ResetApiKey', null), password);
  t.is(await server.call('AuthenticatedUser', null), password);
  t.is(await server.call('Ping', null, { auth: EVE }), true);
});

test('a key is told only to who came with it', async t => {
  const hashed = 'API keys are stored hashed and cannot be shown. Use ResetApiKey to get a new one.';
  t.deepEqual(await server.call('GetApiKey', null, { auth: EVE }), { ApiKey: EVE_KEY });
  t.is(await server.call('GetApiKey', null, { auth: PASSWORD }), hashed);
  t.is(await server.call('GetApiKey', null, { over: 'socket' }), hashed);
  t.deepEqual(await server.call('ResetApiKey', null, { auth: PASSWORD }), { ApiKey: 'fresh-key' });
  t.deepEqual(await server.call('ResetApiKey', null, { over: 'socket' }), { ApiKey: 'fresh-key' });
});

test('methods of the UNIX socket are unknown over TCP', async t => {
  for (const method of ['PrepareMount', 'Mounts', 'ForgetMount']) {
    t.is(await server.call(method, 5), `rpc: can't find method "DotmeshRPC.${method}"`);
  }
  t.deepEqual(await server.call('Mounts', null, { over: 'socket' }), []);
  t.is(await server.call('ForgetMount', { Mountpoint: '/x' }, { over: 'socket' }), true);
});

test('an error is its sentence and then its hint', async t => {
  t.is(await server.call('Get', 'hint'), 'No such thing. Make one.');
});

test('a fault of ours is told by a reference that the log has, without its text', async t => {
  const message = String(await server.call('Get', 'crash'));
  const reference = /logged as ([0-9a-f]{8})\.$/.exec(message)?.[1] ?? 'none';
  t.notRegex(message, /secret/);
  t.true(server.logged.some(line => line.includes(reference) && line.includes('secret path')));
});

test('a client that goes away in the middle of its request is no fault', async t => {
  await new Promise<void>(resolve => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': '1000' };
    const req = request({
      port: server.daemon.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/rpc',
      headers,
      auth: EVE,
    });
    req.on('error', () => resolve());
    req.write('{', () => req.destroy());
    req.on('close', () => resolve());
  });
  t.is(await server.call('Ping', null), true);
  t.false(server.logged.some(line => line.includes('A request failed')));
});

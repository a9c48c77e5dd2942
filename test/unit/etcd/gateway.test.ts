import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createGateway } from '../../../src/etcd/gateway.ts';

async function serve(
  t: ExecutionContext,
  listener: RequestListener,
): Promise<{ server: Server; endpoint: string }> {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('an etcd that takes the request and says nothing is given up after the deadline', async t => {
  const { endpoint } = await serve(t, () => undefined);
  const etcd = createGateway({ endpoint, timeoutMs: 100 });
  await t.throwsAsync(etcd.get('k'), { code: 'ETCD_TIMED_OUT' });
  t.false(await etcd.healthy(50));
});

test('an answer that stops half way is given up too', async t => {
  const { endpoint } = await serve(t, (_, response) => void response.write('{"kvs":['));
  const etcd = createGateway({ endpoint, timeoutMs: 100 });
  await t.throwsAsync(etcd.list('k'), { code: 'ETCD_TIMED_OUT' });
});

test("etcd's own words come through when it refuses", async t => {
  const { endpoint } = await serve(t, (_, response) => {
    response.writeHead(400).end('{"error":"etcdserver: mvcc: database space exceeded","code":8}');
  });
  const error = await t.throwsAsync(createGateway({ endpoint }).apply([{ delete: 'k' }]), {
    code: 'ETCD_REFUSED',
    message: /database space exceeded/,
  });
  t.like(error, { data: { status: 400 } });
});

test('an answer that is no JSON is an error, not a crash', async t => {
  const { endpoint } = await serve(t, (_, response) => void response.end('<html>'));
  await t.throwsAsync(createGateway({ endpoint }).get('k'), { code: 'ETCD_UNREACHABLE' });
});

test('a connection that etcd closed in between is made anew', async t => {
  let calls = 0;
  const { endpoint } = await serve(t, (request, response) => {
    calls++;
    if (calls === 2) request.socket.destroy();
    else response.end('{}');
  });
  const etcd = createGateway({ endpoint });
  t.is(await etcd.get('k'), undefined);
  t.is(await etcd.get('k'), undefined);
  t.is(calls, 3);
});

test('nobody at the socket is ETCD_UNREACHABLE, and the message says where', async t => {
  const etcd = createGateway({ endpoint: 'unix:///nowhere/etcd.sock:0' });
  await t.throwsAsync(etcd.get('k'), { code: 'ETCD_UNREACHABLE', message: /\/nowhere\/etcd\.sock:0/ });
});

test('an address that is none is refused, and its secrets are not repeated', t => {
  for (const endpoint of ['', 'etcd:2379', 'ftp://me:hunter2@host', 'unix://relative']) {
    const error = t.throws(() => createGateway({ endpoint }), { code: 'BAD_ETCD_ENDPOINT' });
    t.notRegex(String(error?.message), /hunter2/);
  }
});

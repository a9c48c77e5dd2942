import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import { startDaemon } from '../../../src/server/daemon.ts';
import { listenSocket, refuseTakenDoors } from '../../../src/server/doors.ts';
import { LIMITS } from '../../../src/server/listener.ts';
import { fakeWorkshop } from '../../helpers/fake-workshop.ts';
import { startTestServer } from '../../helpers/rpc-server.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'json' });
const anyPort = { host: '127.0.0.1', port: 0 };

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'dm-door-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('a client that sends its headers or its body too slowly is cut', async t => {
  const limits = { ...LIMITS, headersMs: 100, requestMs: 200, checkMs: 20 };
  const server = await startTestServer({}, { limits });
  t.teardown(server.stop);
  t.regex(await server.raw('POST /rpc HTTP/1.1\r\nHost: x\r\n'), /^HTTP\/1.1 408 /);
  const head = 'POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n';
  const auth = `Authorization: Basic ${Buffer.from('eve:eves-key').toString('base64')}\r\n`;
  t.regex(await server.raw(`${head}${auth}\r\n{`), /^HTTP\/1.1 408 /);
});

test('what is no HTTP is answered 400 and cut', async t => {
  const server = await startTestServer();
  t.teardown(server.stop);
  t.regex(await server.raw('\x16\x03\x01 hello\r\n\r\n'), /^HTTP\/1.1 400 /);
});

test('stopping lets a running call end, and refuses new connections', async t => {
  const begun = Promise.withResolvers<void>();
  const path = Promise.withResolvers<string>();
  const procure = () => {
    begun.resolve();
    return path.promise;
  };
  const server = await startTestServer({ dots: { procure } }, { graceMs: 60_000 });
  t.teardown(server.stop);
  const call = server.call('Procure', { Namespace: 'a', Name: 'b' });
  await begun.promise;
  const stopped = server.daemon.stop();
  await t.throwsAsync(server.call('Ping', null), { message: /ECONNREFUSED/ });
  path.resolve('/path');
  t.is(await call, '/path');
  await stopped;
  t.false(existsSync(server.socketPath));
});

test('stopping cuts a call that does not end', async t => {
  const begun = Promise.withResolvers<void>();
  const procure = () => {
    begun.resolve();
    return new Promise<never>(() => {});
  };
  const server = await startTestServer({ dots: { procure } }, { graceMs: 50 });
  const call = t.throwsAsync(server.call('Procure', { Namespace: 'a', Name: 'b' }));
  await begun.promise;
  await server.stop();
  await call;
});

test('even when nobody can be identified the answer is no 500, and the reason stays in the log', async t => {
  const authenticate = async () => {
    throw new Error('secret reason');
  };
  const server = await startTestServer({ users: { authenticate } });
  t.teardown(server.stop);
  const { status, body } = await server.rpc('{}');
  t.is(status, 503);
  t.notRegex(body, /secret/);
  t.true(server.logged.some(line => line.includes('secret reason')));
});

test('the socket is open to its owner alone, in a private directory', async t => {
  const server = await startTestServer();
  t.teardown(server.stop);
  t.is(statSync(server.socketPath).mode & 0o777, 0o600);
  t.is(statSync(dirname(server.socketPath)).mode & 0o777, 0o700);
});

test('a socket in use is left alone, and so is what is no socket', async t => {
  const server = await startTestServer();
  t.teardown(server.stop);
  await t.throwsAsync(listenSocket(createServer(), server.socketPath), { code: 'SOCKET_TAKEN' });
  await t.throwsAsync(refuseTakenDoors(anyPort, server.socketPath), { code: 'SOCKET_TAKEN' });
  await t.notThrowsAsync(refuseTakenDoors(anyPort, undefined));
  t.is(await server.call('Ping', null, { over: 'socket' }), true);
  await inDirectory(async directory => {
    const path = join(directory, 'file');
    writeFileSync(path, 'kept');
    await t.throwsAsync(listenSocket(createServer(), path), { code: 'SOCKET_TAKEN' });
    t.true(existsSync(path));
  });
});

test('a taken port is told with who has it, and the other doors are closed again', async t => {
  const other = createTcpServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  await inDirectory(async directory => {
    const socket = join(directory, 'server.sock');
    const options = { workshop: fakeWorkshop(), log, pool: 'tank', socket };
    const listen = { ...anyPort, port };
    const error = await t.throwsAsync(startDaemon({ ...options, listen, check: undefined }), {
      code: 'PORT_TAKEN',
    });
    const owner = `(process ${process.pid})`;
    t.true(error?.message.startsWith(`Port ${port} is already in use by `) && error.message.includes(owner));
    t.false(existsSync(socket));
    const daemon = await startDaemon({ ...options, listen: anyPort, check: listen });
    t.is(daemon.checkPort, undefined);
    await daemon.stop();
  });
});

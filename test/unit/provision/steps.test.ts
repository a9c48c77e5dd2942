// Small decisions of single steps: the dot, the reservation, the server's environment, the last sentence.
import test from 'ava';
import { asDmError, DmError } from '../../../src/lib/errors.ts';
import { type Aftermath, withAftermath } from '../../../src/provision/aftermath.ts';
import { abortable, againstTheClock, type ServerClient } from '../../../src/provision/context.ts';
import { ensureDot } from '../../../src/provision/dot.ts';
import { flagsOfServer } from '../../../src/provision/provision.ts';
import { runPaths } from '../../../src/provision/run-files.ts';
import { serverEnvironment } from '../../../src/provision/server-service.ts';
import { reservationFor } from '../../../src/provision/state-dataset.ts';
import { run } from '../../../src/system/run.ts';

const DOT = { namespace: 'admin', name: 'shop', branch: '', subdot: '__default__', pinned: false };

/** A server that has these branches ('' is master) and notes what it is asked to create. */
function server(branches: string[], created: string[] = []): Pick<ServerClient, 'call'> {
  const call = async (method: string, params: unknown) => {
    const { Name, Branch } = params as { Name: string; Branch: string };
    if (method === 'Exists') return branches.includes(Branch) ? 'id' : '';
    created.push(Name);
    if (Name === 'refused') throw new DmError('denied', 'DENIED', 'Permission denied.');
    return true;
  };
  return { call: call as ServerClient['call'] };
}

test('a dot that exists is kept, one that does not is created', async t => {
  const created: string[] = [];
  t.is(await ensureDot(server([''], created), DOT), 'kept');
  t.deepEqual(created, []);
  t.is(await ensureDot(server([], created), DOT), 'created');
  t.deepEqual(created, ['shop']);
});

test('a branch is not made out of nothing, and the dot is not either then', async t => {
  const created: string[] = [];
  const branch = { ...DOT, branch: 'v2', pinned: true };
  await t.throwsAsync(ensureDot(server([''], created), branch), { code: 'BRANCH_MISSING' });
  await t.throwsAsync(ensureDot(server([], created), branch), { code: 'BRANCH_MISSING' });
  t.deepEqual(created, []);
  t.is(await ensureDot(server(['', 'v2']), branch), 'kept');
});

test("a server's refusal is an error about the dot, in the server's words", async t => {
  const error = await t.throwsAsync(ensureDot(server([]), { ...DOT, name: 'refused' }), {
    code: 'DOT_FAILED',
  });
  t.is(asDmError(error).kind, 'dot');
  t.regex(error?.message ?? '', /Permission denied\.$/);
});

test('256 MiB are reserved, on small pools 5 %', t => {
  t.is(reservationFor(10 * 2 ** 30), 256 * 2 ** 20);
  t.is(reservationFor(5 * 2 ** 30), 256 * 2 ** 20);
  t.is(reservationFor(2 * 2 ** 30), Math.floor((2 * 2 ** 30) / 20));
  t.is(reservationFor(240 * 2 ** 20), 80 * 2 ** 20);
});

test('the server is told paths of secrets, and sockets instead of ports', t => {
  const environment = serverEnvironment(runPaths('p'), {
    poolName: 'p',
    stateDirectory: '/state',
    secrets: { apiKeyFile: '/state/key', passwordFile: '/state/password' },
    listen: { host: '::1', port: 4000 },
    log: { level: 'info', format: 'text' },
  });
  t.like(environment, {
    POOL: 'p',
    DOTMESH_ETCD_ENDPOINT: 'unix:///run/dotmesh/p/etcd.sock:0',
    DOTMESH_LISTEN: '[::1]:4000',
    DOTMESH_SOCKET: '/run/dotmesh/p/server.sock',
    DOTMESH_ADMIN_API_KEY_FILE: '/state/key',
    CONTAINER_RUNTIME: 'null',
  });
  t.is(environment['INITIAL_ADMIN_API_KEY'], undefined);
  t.true('INITIAL_ADMIN_API_KEY' in environment);
});

test('an error says how the machine is left', t => {
  const error = new DmError('mount', 'X', 'No.', { hint: 'Do this.' });
  const hint = (after: Partial<Aftermath>) =>
    withAftermath(error, { progress: 'pool', pool: 'p', ...after }).hint;
  const untouched = 'Do this. Nothing was changed on the disks.';
  t.is(hint({ progress: 'looking' }), untouched);
  t.is(hint({}), untouched);
  t.is(
    hint({ begun: ['the wiping of /dev/sda', 'a partition table on /dev/sda'] }),
    'Do this. Begun on the disks: the wiping of /dev/sda, a partition table on /dev/sda; the next run goes on from there.',
  );
  t.regex(hint({ progress: 'imported', begun: ['x'] }) ?? '', /^Do this\. The pool p stays imported/);
});

test('what is for a server that is started anew is known, to be told where none is', t => {
  const listen = { host: '', port: 1 };
  const given = { adminApiKey: '/k', adminPassword: '/p' };
  t.deepEqual(flagsOfServer({ listen: undefined, files: { seed: '/s' } }), []);
  t.deepEqual(flagsOfServer({ listen, files: given }), [
    '--listen',
    '--admin-api-key-file',
    '--admin-password-file',
  ]);
});

test('what is cut off by the clock or a signal says so, whatever it tripped over', async t => {
  const never = (_: unknown, signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('socket hang up'))),
    );
  const quiet = { interrupted: new AbortController().signal };
  await t.throwsAsync(
    againstTheClock(quiet, 5, ({ signal }) => never(0, signal)),
    { code: 'PROVISION_TIMED_OUT' },
  );
  const asked = new AbortController();
  const running = againstTheClock({ interrupted: asked.signal }, 60_000, ({ signal }) => never(0, signal));
  asked.abort(new DmError('interrupted', 'INTERRUPTED', 'Ended.'));
  await t.throwsAsync(running, { code: 'INTERRUPTED' });
});

test('a command that the same signal ended does not hide that there was one', async t => {
  const asked = new AbortController();
  const running = againstTheClock({ interrupted: asked.signal }, 60_000, async () => {
    asked.abort(new DmError('interrupted', 'INTERRUPTED', 'Ended.'));
    await run(['sh', '-c', 'kill -INT $$']);
  });
  await t.throwsAsync(running, { code: 'INTERRUPTED' });
});

test('what was cut off may fail later, and nobody falls over that', async t => {
  const asked = new AbortController();
  const calls = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const [before, after] = calls.map(({ promise }) => promise);
  const waiting = abortable(before ?? Promise.resolve(), asked.signal);
  asked.abort(new DmError('interrupted', 'INTERRUPTED', 'Ended.'));
  await t.throwsAsync(waiting, { code: 'INTERRUPTED' });
  await t.throwsAsync(abortable(after ?? Promise.resolve(), asked.signal), { code: 'INTERRUPTED' });
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  for (const { reject } of calls) reject(new Error('socket hang up'));
  await new Promise(resolve => setTimeout(resolve));
  process.off('unhandledRejection', note);
  t.deepEqual(unhandled, []);
});

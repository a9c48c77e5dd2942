import test from 'ava';
import { DmError, isDmError } from '../../../src/lib/errors.ts';
import { createLog } from '../../../src/lib/log.ts';
import { supervise } from '../../../src/provision/supervise.ts';
import type { Exit } from '../../../src/system/service.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'text' });
const atOnce = async () => undefined;
const forever = new Promise<Exit>(() => undefined);
const dead = Promise.resolve({ code: 1, signal: null });
const service = (exited: Promise<Exit>, ...tail: string[]) => ({ exited, tail: () => tail });

test('a service that died is started again, and the end asked for is a good end', async t => {
  const end = new AbortController();
  let current = service(dead);
  let restarts = 0;
  const one = {
    name: 'etcd',
    current: () => current,
    restart: async () => {
      restarts++;
      current = service(forever);
      setImmediate(() => end.abort(new DmError('interrupted', 'INTERRUPTED', 'ended')));
    },
  };
  const other = { name: 'server', current: () => service(forever), restart: async () => t.fail() };
  await supervise([one, other], end.signal, log, atOnce);
  t.is(restarts, 1);
});

test('who was just starting is waited for before the end', async t => {
  const end = new AbortController();
  let tidy = false;
  const one = {
    name: 'etcd',
    current: () => service(dead),
    restart: (signal: AbortSignal) =>
      new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () =>
          setImmediate(() => {
            tidy = true;
            reject(signal.reason);
          }),
        );
        end.abort(new DmError('interrupted', 'INTERRUPTED', 'ended'));
      }),
  };
  await supervise([one], end.signal, log, atOnce);
  t.true(tidy);
});

test('who does not stay up is given up, with what it said last', async t => {
  const one = {
    name: 'etcd',
    current: () => service(dead, 'no space left on device'),
    restart: async () => undefined,
  };
  const error = await t.throwsAsync(supervise([one], new AbortController().signal, log, atOnce));
  t.true(isDmError(error, 'SERVICE_GAVE_UP') && error.kind === 'services');
  t.regex(error?.message ?? '', /no space left on device/);
});

test('beside a service that does not end, none is started again', async t => {
  let restarts = 0;
  const one = {
    name: 'etcd',
    current: () => service(dead),
    restart: async () => {
      restarts++;
      throw new DmError('services', 'SERVICE_STUCK', 'dotmesh-server does not end.');
    },
  };
  const error = await t.throwsAsync(supervise([one], new AbortController().signal, log, atOnce));
  t.true(isDmError(error, 'SERVICE_STUCK'));
  t.is(restarts, 1);
});

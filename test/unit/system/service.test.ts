import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import { until } from '../../../src/lib/retry.ts';
import { isAlive, processIdentity } from '../../../src/system/processes.ts';
import { startService } from '../../../src/system/service.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'json' });
const shell = (script: string): [string, ...string[]] => ['sh', '-c', script];

test('a service that ends by itself leaves its last 20 lines and its exit code', async t => {
  const lines: string[] = [];
  const service = await startService({
    name: 'short',
    argv: shell('for n in $(seq 30); do echo line $n; done; echo >&2 last; printf unfinished; exit 7'),
    log,
    onOutput: line => lines.push(line),
  });
  t.deepEqual(await service.exited, { code: 7, signal: null });
  t.truthy(await until(() => lines.length === 32, { deadlineMs: 60_000 }));
  t.is(service.tail().length, 20);
  t.false(service.tail().includes('line 10'));
  t.true(service.tail().includes('unfinished'));
});

test('a service that does not heed SIGTERM is killed', async t => {
  let ready = () => {};
  const started = new Promise<void>(resolve => {
    ready = resolve;
  });
  const service = await startService({
    name: 'deaf',
    argv: shell('trap "" TERM; echo $WORD; while :; do sleep 1; done'),
    env: { WORD: 'ready' },
    log,
    onOutput: line => line === 'ready' && ready(),
  });
  await started;
  t.true(isAlive(service.identity));
  await service.stop(50);
  t.deepEqual(await service.exited, { code: null, signal: 'SIGKILL' });
  await service.stop(50);
});

test('a program that is not installed ends with 127 and says so', async t => {
  const service = await startService({ name: 'none', argv: ['no-such-program-here'], log });
  t.is((await service.exited).code, 127);
  t.truthy(await until(() => /no-such-program-here/.test(service.tail().join()), { deadlineMs: 60_000 }));
});

test('the kernel ends the child of a parent that was killed', async t => {
  const parent = spawn(process.execPath, [
    '-e',
    `const c = require('child_process').spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'sh', '-c',
      'echo $$; while :; do sleep 1; done'], { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });`,
  ]);
  const [line] = await once(parent.stdout, 'data');
  const child = processIdentity(Number(String(line)));
  t.true(child && isAlive(child));
  parent.kill('SIGKILL');
  t.truthy(await until(() => child && !isAlive(child), { deadlineMs: 60_000 }));
});

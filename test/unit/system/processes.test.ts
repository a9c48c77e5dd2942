import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import fc from 'fast-check';
import { endProcess, isAlive, parseStat, processIdentity, signal } from '../../../src/system/processes.ts';

const REST = '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21';

test('the start time is found whatever the program calls itself', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 15 }), command => {
      const stat = parseStat(`77 (${command}) S ${REST}\n`);
      t.deepEqual(stat, { pid: 77, command, state: 'S', parent: 1, startTime: 4242 });
    }),
  );
  t.is(parseStat('77 (a) R 1) S 2) S 3'), undefined);
  t.is(parseStat(''), undefined);
});

test('we are alive, and are not when our pid began at another time', t => {
  const us = processIdentity(process.pid);
  t.truthy(us);
  t.true(us && isAlive(us));
  t.false(us && isAlive({ ...us, startTime: us.startTime + 1 }));
});

test('a process that ignores SIGTERM is killed after the grace, one that is gone is no work', async t => {
  const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done']);
  await once(child.stdout, 'data');
  const id = processIdentity(child.pid ?? 0);
  if (!id) return t.fail('the child is not there');
  const exit = once(child, 'exit');
  t.true(await endProcess(id, { graceMs: 50 }));
  t.deepEqual(await exit, [null, 'SIGKILL']);
  t.false(isAlive(id));
  t.true(await endProcess(id, { graceMs: 50 }));
  t.notThrows(() => signal(id, 'SIGTERM'));
});

test('a process that came to the pid of another is not touched', async t => {
  const child = spawn('cat');
  await once(child, 'spawn');
  const id = processIdentity(child.pid ?? 0);
  t.true(id && (await endProcess({ pid: id.pid, startTime: id.startTime - 1 }, { graceMs: 50 })));
  t.true(id && isAlive(id));
  child.stdin.end();
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

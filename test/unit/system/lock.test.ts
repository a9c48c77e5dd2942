import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { takeLock, withLock } from '../../../src/system/lock.ts';

async function lockFile(t: { teardown(fn: () => Promise<void>): void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'lock-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'lock');
}

test('a second taker is refused at once with the holder, and gets the lock after its release', async t => {
  const path = await lockFile(t);
  const lock = await takeLock(path, { waitMs: 0 });
  const refused = await t.throwsAsync(takeLock(path, { waitMs: 0 }), { instanceOf: DmError, code: 'LOCKED' });
  t.regex(String(refused.data.holder), new RegExp(`^pid ${process.pid} `));
  await lock.release();
  await lock.release();
  t.is(await readFile(path, 'utf8'), '');
  await (await takeLock(path, { waitMs: 0 })).release();
});

test('a waiter is told whom it waits for, once, and gets the lock when it is released', async t => {
  const path = await lockFile(t);
  const lock = await takeLock(path, { waitMs: 0 });
  const heard: string[] = [];
  const waiting = takeLock(path, {
    waitMs: 60_000,
    onWait: holder => {
      heard.push(holder);
      void lock.release();
    },
  });
  await (await waiting).release();
  t.is(heard.length, 1);
  t.regex(heard[0] ?? '', /^pid \d+/);
});

test('a wait has an end', async t => {
  const path = await lockFile(t);
  const lock = await takeLock(path, { waitMs: 0 });
  await t.throwsAsync(takeLock(path, { waitMs: 50 }), { code: 'LOCKED' });
  await lock.release();
});

test('holders run one at a time, and one that throws releases', async t => {
  const path = await lockFile(t);
  let inside = 0;
  const work = async (fail: boolean) => {
    t.is(++inside, 1);
    await new Promise(resolve => setImmediate(resolve));
    inside--;
    if (fail) throw new Error('no');
  };
  const all = [true, false, true, false].map(fail => withLock(path, { waitMs: 60_000 }, () => work(fail)));
  const results = await Promise.allSettled(all);
  t.deepEqual(
    results.map(result => result.status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  );
});

test('a lock whose holder was killed is free', async t => {
  const path = await lockFile(t);
  // The same chain that takeLock starts, below a parent that we can kill.
  const script = `const c = require('child_process').spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'flock',
    '--no-fork', process.argv[1], 'cat'], { stdio: ['pipe', 'inherit', 'inherit'] }); c.stdin.write('held\\n');`;
  const holder = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  await t.throwsAsync(takeLock(path, { waitMs: 0 }), { code: 'LOCKED' });
  holder.kill('SIGKILL');
  await once(holder, 'close');
  await (await takeLock(path, { waitMs: 60_000 })).release();
  t.pass();
});

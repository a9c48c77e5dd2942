import test from 'ava';
import { Queues } from '../../../src/dots/queue.ts';

function gate() {
  let open = () => {};
  const passed = new Promise<void>(resolve => {
    open = resolve;
  });
  return { open: () => open(), passed };
}

test('work on one dot runs one after the other, also after a failure; other dots do not wait', async t => {
  const queues = new Queues();
  const done: string[] = [];
  const first = gate();
  const a1 = queues.run('a', async () => {
    await first.passed;
    done.push('a1');
    throw new Error('a1 failed');
  });
  const a2 = queues.run('a', async () => done.push('a2'));
  await queues.run('b', async () => done.push('b'));
  t.deepEqual(done, ['b']);
  t.false(await queues.idle(1));
  t.is(queues.quietMark(), undefined);
  first.open();
  await t.throwsAsync(a1, { message: 'a1 failed' });
  await a2;
  t.deepEqual(done, ['b', 'a1', 'a2']);
  t.true(await queues.idle(60_000));
});

test('the mark of a quiet moment changes with every piece of work', async t => {
  const queues = new Queues();
  const mark = queues.quietMark();
  t.is(queues.quietMark(), mark);
  await queues.run('a', async () => undefined);
  await queues.idle(60_000);
  t.not(queues.quietMark(), mark);
});

import test from 'ava';
import { until, within } from '../../../src/lib/retry.ts';

test('until gives what it looked for as soon as it is there', async t => {
  let looks = 0;
  t.is(await until(() => (++looks === 3 ? 'there' : undefined), { deadlineMs: 60_000, everyMs: 1 }), 'there');
  t.is(looks, 3);
});

test('until gives up at its deadline, having looked at least once', async t => {
  let looks = 0;
  t.is(await until(() => void looks++, { deadlineMs: 0 }), undefined);
  t.is(looks, 1);
});

test('until ends at once when its signal is aborted', async t => {
  const controller = new AbortController();
  const waiting = until(() => false, { deadlineMs: 60_000, everyMs: 1, signal: controller.signal });
  controller.abort();
  await t.throwsAsync(waiting, { name: 'AbortError' });
});

test('within does not wait for what never comes', async t => {
  t.is(await within(new Promise(() => {}), 1), undefined);
  t.is(await within(Promise.resolve('soon'), 60_000), 'soon');
});

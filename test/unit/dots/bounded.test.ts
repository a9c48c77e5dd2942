import test from 'ava';
import { bounded } from '../../../src/dots/bounded.ts';

test('a file that never answers ends in an error that names ZFS, not in a wait for ever', async t => {
  const hanging = bounded(() => new Promise<void>(() => {}), 1);
  await t.throwsAsync(hanging(), { code: 'ZFS_HUNG' });
});

test('what answers in time is handed on, success and failure alike', async t => {
  t.is(await bounded(async (a: number, b: number) => a + b, 60_000)(1, 2), 3);
  const failing = bounded(async () => {
    throw new RangeError('full');
  }, 60_000);
  await t.throwsAsync(failing(), { instanceOf: RangeError });
});

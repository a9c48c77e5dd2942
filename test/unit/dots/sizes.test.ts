import test from 'ava';
import { Sizes } from '../../../src/dots/sizes.ts';
import { createLog } from '../../../src/lib/log.ts';
import type { Size } from '../../../src/zfs/index.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'json' });
const answer = (referenced: number) => new Map<string, Size>([['p/dot', { referenced, dirty: 0 }]]);

test('first figures are worth a wait', async t => {
  const sizes = new Sizes({ ask: async () => answer(7), log });
  await sizes.refresh();
  t.is(sizes.of('p/dot').referenced, 7);
});

test('figures of a ZFS that takes seconds for them come late, not the lists that show them', async t => {
  const answers: (() => void)[] = [];
  let asked = 0;
  const ask = () => {
    asked += 1;
    return new Promise<Map<string, Size>>(resolve => answers.push(() => resolve(answer(asked))));
  };
  const sizes = new Sizes({ ask, log });
  await sizes.refresh(); // The first waits for as long as it is worth, in vain.
  t.is(sizes.of('p/dot').referenced, 0);
  answers.shift()?.();
  await sizes.settle(10_000);
  t.is(sizes.of('p/dot').referenced, 1);

  // However old the figures are by now: of many lists none waits a second again.
  const began = performance.now();
  for (let list = 0; list < 20 || asked < 2; list++) await sizes.refresh();
  t.true(performance.now() - began < 10_000, '20 lists that wait a second each would take 20 s');
  answers.shift()?.();
  await sizes.settle(10_000);
});

test('of many lists that ask while ZFS takes seconds for its first answer, the second waits no more', async t => {
  const sizes = new Sizes({ ask: () => new Promise(() => undefined), log });
  const lists = 20;
  const began = performance.now();
  for (let list = 0; list < lists; list++) await sizes.refresh();
  t.true(performance.now() - began < (lists * 1000) / 2);
});

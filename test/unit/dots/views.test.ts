import test from 'ava';
import { Queues } from '../../../src/dots/queue.ts';
import type { Entry } from '../../../src/dots/registry.ts';
import { Views } from '../../../src/dots/views.ts';
import { DmError } from '../../../src/lib/errors.ts';
import { createLog } from '../../../src/lib/log.ts';
import { createFakeZfs } from '../../helpers/fake-zfs.ts';
import { bench } from '../../helpers/workshop.ts';

async function make(t: { teardown(fn: () => Promise<void>): void }, most = 2) {
  const { directory, remove } = await bench();
  t.teardown(remove);
  const fake = createFakeZfs();
  const log = createLog({ name: 'test', level: 'silent', format: 'json' });
  const rootOf = (id: string) => `${directory}/${id}`;
  const views = new Views({ zfs: fake.zfs, pool: 'tank', queues: new Queues(), rootOf, log, most });
  const mounted = () => [...fake.views.values()].map(({ snapshot }) => snapshot.split('/').at(-1));
  return { fake, views, mounted };
}

const dot = (id: string) => ({ id, dataset: `tank/dmfs/${id}` }) as Entry;

test('of commits that are mounted the one asked for longest ago makes room, never one that is read', async t => {
  const { views, mounted } = await make(t);
  await views.use(dot('a'), 'one', async () => {
    await views.open(dot('a'), 'two');
    await views.open(dot('b'), 'three');
    t.deepEqual(mounted(), ['a@one', 'b@three']);
    await views.use(dot('b'), 'three', async () => {
      await t.throwsAsync(views.open(dot('b'), 'four'), { code: 'TOO_MANY_VIEWS' });
    });
  });
  await views.open(dot('b'), 'four');
  // It was read until just now.
  t.deepEqual(mounted(), ['a@one', 'b@four']);
  await views.release('b');
  t.deepEqual(mounted(), ['a@one']);
  await views.open(dot('a'), 'one');
  await views.close();
  t.deepEqual(mounted(), []);
});

test('one that is busy stays and another makes room; many at once are one', async t => {
  const { fake, views, mounted } = await make(t);
  await Promise.all(Array.from({ length: 5 }, () => views.open(dot('a'), 'one')));
  t.deepEqual(mounted(), ['a@one']);
  await views.open(dot('a'), 'two');
  fake.fail.set('unmountSnapshot', new DmError('zfs', 'DATASET_BUSY', 'busy'));
  await views.open(dot('a'), 'three');
  t.deepEqual(mounted(), ['a@one', 'a@three']);
  fake.fail.set('unmountSnapshot', new DmError('zfs', 'DATASET_BUSY', 'busy'));
  await t.throwsAsync(views.release('a'), { code: 'DATASET_BUSY' });
});

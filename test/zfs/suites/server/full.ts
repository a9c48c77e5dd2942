/** A pool without room: nothing half made, and the way out stays open. */

import type { TestFn } from 'ava';
import { until } from '../../../../src/lib/retry.ts';
import { sh } from '../../../helpers/disks.ts';
import { fill } from '../../../helpers/fill.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';

const within = { deadlineMs: 60_000, everyMs: 200 };

export function fullSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial(
    'on a full pool Create fails in one sentence and leaves nothing; Delete makes room',
    async t => {
      await bed().up();
      await bed().create('big');
      const id = await bed().admin<string>('Lookup', bed().dot('big'));
      // What is freed comes back with a later transaction group: filled again until it stays full.
      let round = 0;
      const refused = await until(async () => {
        await fill(bed().path(id, '__default__', `data${++round}`));
        await sh('sync', '-f', bed().path(id));
        const name = `extra${round}`;
        const before = await bed().datasets();
        const { error } = await bed().create(name);
        return error === undefined ? undefined : { name, before, error };
      }, within);
      t.regex(refused?.error ?? '', /^Could not create volume admin\/extra\d+: .*space/);
      t.notRegex(refused?.error ?? '', /left behind|fault of its own|\n/);
      t.deepEqual(await bed().datasets(), refused?.before);
      t.false((await bed().names()).includes(refused?.name ?? ''));

      t.is(await bed().admin('Delete', { Namespace: 'admin', Name: 'big' }), true);
      t.is(await until(async () => (await bed().create(refused?.name ?? '')).result, within), true);
      for (const name of (await bed().names()).filter(each => each.startsWith('extra')))
        await bed().admin('Delete', { Namespace: 'admin', Name: name });
    },
  );
}

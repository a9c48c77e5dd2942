/** What somebody does to the pool behind the server's back. */

import type { TestFn } from 'ava';
import { until } from '../../../../src/lib/retry.ts';
import { sh } from '../../../helpers/disks.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';

const within = { deadlineMs: 60_000, everyMs: 100 };

export function behindSuite(test: TestFn, bed: () => ServerBed): void {
  const idOf = (name: string) => bed().admin<string>('Lookup', bed().dot(name));
  /** ZFS may answer "busy" for a moment. */
  const insist = async (...argv: [string, ...string[]]) => {
    let fault: unknown;
    const done = await until(
      () =>
        sh(...argv).then(
          () => true,
          error => {
            fault = error;
            return false;
          },
        ),
      { deadlineMs: 30_000, everyMs: 100 },
    );
    if (!done) throw fault;
  };
  const isListed = (name: string, listed: boolean) =>
    until(async () => (await bed().names()).includes(name) === listed, within);

  test.serial('a dataset that was destroyed is noticed and said, and its name is free', async t => {
    await bed().up();
    await bed().create('gone');
    await bed().create('stays');
    const id = await idOf('gone');
    await insist('zfs', 'destroy', '-r', bed().dataset(id));
    t.true(await isListed('gone', false));
    t.regex(bed().log, /destroyed behind our back.*/);
    t.true(bed().log.includes(bed().dataset(id)));
    t.true((await bed().names()).includes('stays'));
    t.is((await bed().create('gone')).result, true);
    t.not(await idOf('gone'), id);
    t.true((await bed().names()).includes('gone'));
  });

  test.serial('a dataset destroyed a moment ago does not hinder its name from being used', async t => {
    await bed().up();
    const id = await idOf('gone');
    await insist('zfs', 'destroy', '-r', bed().dataset(id));
    const gone = { Namespace: 'admin', Name: 'gone' };
    // What is asked for by that name is made, since it is not there.
    t.is((await bed().call('Procure', { ...gone, Subdot: 'data' }, { over: 'socket' })).error, undefined);
    t.not(await idOf('gone'), id);
    t.regex(bed().log, /destroyed behind our back/);
  });

  test.serial(
    'a dataset that was renamed is the same dot; moved out of our place it is gone, and the log tells both',
    async t => {
      await bed().up();
      const id = await idOf('stays');
      await insist('zfs', 'unmount', bed().dataset(id));
      await insist('zfs', 'rename', bed().dataset(id), `${bed().at.pool}/dmfs/other`);
      t.truthy(
        await until(async () => {
          await bed().names();
          return bed().log.includes('renamed behind our back');
        }, within),
      );
      t.is(await idOf('stays'), id);
      const procured = await bed().call('Procure', { Namespace: 'admin', Name: 'stays', Subdot: 'data' });
      t.is(procured.error, undefined);
      await insist('zfs', 'unmount', `${bed().at.pool}/dmfs/other`);
      await insist('zfs', 'rename', `${bed().at.pool}/dmfs/other`, `${bed().at.pool}/elsewhere`);
      t.true(await isListed('stays', false));
      t.is((await bed().create('stays')).result, true);
      t.not(await idOf('stays'), id);
      await insist('zfs', 'destroy', '-r', `${bed().at.pool}/elsewhere`);
      await bed().admin('Delete', { Namespace: 'admin', Name: 'stays' });
      await bed().admin('Delete', { Namespace: 'admin', Name: 'gone' });
    },
  );

  test.serial('destroyed while the server was down: it starts, says which, and the name is free', async t => {
    await bed().up();
    await bed().create('lost');
    const id = await idOf('lost');
    await bed().stopServer();
    await insist('zfs', 'destroy', '-r', bed().dataset(id));
    await bed().up();
    t.regex(bed().server.text(), /destroyed behind our back: admin\/lost/);
    t.false((await bed().names()).includes('lost'));
    t.is((await bed().create('lost')).result, true);
    await bed().admin('Delete', { Namespace: 'admin', Name: 'lost' });
  });
}

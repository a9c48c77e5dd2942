/** A full pool: a commit fails as a whole, and the ways to make room stay open. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { until } from '../../../../src/lib/retry.ts';
import { sh } from '../../../helpers/disks.ts';
import { fill } from '../../../helpers/fill.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';
import { Repo } from './repo.ts';

const LEFT_BYTES = 12 * 2 ** 20;
const within = { deadlineMs: 120_000, everyMs: 200 };

export function fullSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial(
    'on a full pool a commit fails in one sentence and leaves nothing; a rollback makes room',
    async t => {
      const repo = await Repo.make(bed(), 'full');
      // Somebody else has nearly all of the pool: so it is full soon.
      const free = Number(await sh('zfs', 'get', '-H', '-p', '-o', 'value', 'available', bed().at.pool));
      const ballast = `${bed().at.pool}/ballast`;
      await sh(
        'zfs',
        'create',
        '-o',
        'mountpoint=none',
        '-o',
        `refreservation=${free - LEFT_BYTES}`,
        ballast,
      );
      await repo.write('small', 'one');
      const one = await repo.commit('one');
      await repo.grow('b1');
      const root = await repo.path();
      const metadata = join(root, '..', 'dotmesh.metadata');
      const large = { note: 'x'.repeat(60_000) };
      let round = 0;
      // What is freed comes back with a later transaction group: filled again until it stays full.
      const said = await until(async () => {
        await fill(join(root, `data${++round}`));
        await sh('sync', '-f', root);
        return (await bed().call('Commit', { ...repo.ref(), Message: 'large', Metadata: large })).error;
      }, within);
      t.regex(said ?? '', /^There is no space for a commit of admin\/full/);
      t.notRegex(said ?? '', /fault of its own|\n/);
      const commits = await repo.commits();
      const names = (await readdir(metadata)).map(name => name.replace(/\.json$/, ''));
      t.deepEqual(names.sort(), commits.map(({ Id }) => Id).sort());
      t.is(await repo.read('small'), 'one');
      t.is(await bed().admin('DeleteBranch', repo.ref('b1')), true);
      t.is(await repo.back(one), '');
      t.deepEqual(await repo.files(), ['small']);
      const again = async () =>
        (await bed().call('Commit', { ...repo.ref(), Message: 'large', Metadata: large })).error ===
        undefined;
      t.true(await until(again, within));
      await sh('zfs', 'destroy', ballast);
    },
  );
}

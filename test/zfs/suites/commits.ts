/** Commits, branches, tags and rollbacks by the built dotmesh-server on a real pool; the same on every ZFS. */

import type { TestFn } from 'ava';
import { ServerBed } from '../../helpers/server-bed.ts';
import { branchesSuite } from './commits/branches.ts';
import { committingSuite } from './commits/committing.ts';
import { fullSuite } from './commits/full.ts';
import { rollbackSuite } from './commits/rollback.ts';

export function commitsSuite(test: TestFn): void {
  let made: ServerBed | undefined;
  const bed = () => {
    if (!made) throw new Error('the pool could not be made');
    return made;
  };
  test.before(async () => {
    made = await ServerBed.make('commits', 384);
    await made.up();
  });
  test.after.always(() => made?.clear());

  committingSuite(test, bed);
  branchesSuite(test, bed);
  rollbackSuite(test, bed);
  fullSuite(test, bed);
}

/** The built dotmesh-server on a real pool with a real etcd; the same on every ZFS. */

import type { TestFn } from 'ava';
import { ServerBed } from '../../helpers/server-bed.ts';
import { behindSuite } from './server/behind.ts';
import { fullSuite } from './server/full.ts';
import { killsSuite } from './server/kills.ts';
import { lossesSuite } from './server/losses.ts';
import { methodsSuite } from './server/methods.ts';
import { namesSuite } from './server/names.ts';
import { originalSuite } from './server/original.ts';
import { secretsSuite } from './server/secrets.ts';

/** `inGuest`: nobody else has ports there, and requests cost more. The tests build on each other, in this order. */
export function serverSuite(test: TestFn, options: { inGuest: boolean }): void {
  let made: ServerBed | undefined;
  const bed = () => {
    if (!made) throw new Error('the pool could not be made');
    return made;
  };
  test.before(async () => {
    made = await ServerBed.make('server');
  });
  test.after.always(() => made?.clear());

  originalSuite(test, bed, { ownNetwork: options.inGuest });
  methodsSuite(test, bed);
  namesSuite(test, bed, { few: options.inGuest });
  lossesSuite(test, bed);
  behindSuite(test, bed);
  killsSuite(test, bed);
  fullSuite(test, bed);
  secretsSuite(test, bed);
}

// SIGKILL of the server at random points while commits, branches, tags and rollbacks go on: before or after, never
// between, and every commit that was acknowledged is there. SEED=… repeats a run, FULL=1 kills a hundred times.

import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { randomFor } from '../helpers/random.ts';
import { RepoClient } from '../helpers/repo-client.ts';
import { ServerBed } from '../helpers/server-bed.ts';

const ROUNDS = process.env['FULL'] ? 100 : 25;
const DOTS = 2;
const LONGEST_LIFE_MS = 1_000;
test(`commits, branches, tags and rollbacks survive ${ROUNDS} kills of the server`, async t => {
  t.timeout(30 * 60_000);
  const bed = await ServerBed.make('cutting', 256);
  t.teardown(() => bed.clear());
  await bed.up();
  const random = randomFor('kills');
  const clients: RepoClient[] = [];
  for (let at = 0; at < DOTS; at++) clients.push(await RepoClient.make(bed, `dot${at}`));
  for (let round = 1; round <= ROUNDS; round++) {
    let isAlive = true;
    const working = Promise.all(clients.map(client => client.work(() => isAlive)));
    // A client that fails before the kill ends the test.
    await Promise.race([delay(random() * LONGEST_LIFE_MS), working]);
    isAlive = false;
    await bed.stopServer('SIGKILL');
    await working;
    await bed.up();
    for (const client of clients) await client.check(t, round);
  }
  t.true(clients.every(({ calls }) => calls > ROUNDS / 5));
  t.log(`${clients.map(({ calls }) => calls).join(' and ')} calls were answered`);
});

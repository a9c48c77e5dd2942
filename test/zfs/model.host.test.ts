// Four clients at once do what comes to their minds, and afterwards each finds what a simple model says. SEED=… repeats
// a run, FULL=1 does twice as much.
import test from 'ava';
import { RepoClient } from '../helpers/repo-client.ts';
import { ServerBed } from '../helpers/server-bed.ts';

const CLIENTS = 4;
const STEPS = process.env['FULL'] ? 1_000 : 500;
/** Files, histories and tags of all branches are compared after so many steps of a client, and at its end. */
const CHECK_EVERY = 25;

test(`what ${CLIENTS} clients have done in ${CLIENTS * STEPS} steps is what a model says, files included`, async t => {
  t.timeout(40 * 60_000);
  const bed = await ServerBed.make('model', 512);
  t.teardown(() => bed.clear());
  await bed.up();
  const works = Array.from({ length: CLIENTS }, async (_, at) => {
    const client = await RepoClient.make(bed, `dot${at}`);
    for (let step = 1; step <= STEPS; step++) {
      await client.step();
      if (step % CHECK_EVERY === 0) await client.check(t, step);
    }
    return client.calls;
  });
  const calls = await Promise.all(works);
  t.true(calls.reduce((sum, each) => sum + each, 0) > (CLIENTS * STEPS) / 2);
  t.log(`${calls.join(', ')} calls changed something`);
});

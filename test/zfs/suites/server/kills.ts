/** The server dies at any moment of a Create: the next one knows the dot or does not, never half. */

import { setTimeout as pause } from 'node:timers/promises';
import type { TestFn } from 'ava';
import type { ServerBed } from '../../../helpers/server-bed.ts';

const ROUNDS = process.env['FULL'] ? 32 : 8;

export function killsSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial('a server killed while it creates a dot never makes two of it, nor half a one', async t => {
    await bed().up();
    const start = performance.now();
    await bed().create('measured');
    const takesMs = performance.now() - start;
    await bed().admin('Delete', { Namespace: 'admin', Name: 'measured' });
    const outcomes: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const name = `killed${round}`;
      // Spread over the whole of it, so that each round meets another step.
      const afterMs = ((round + Math.random()) / ROUNDS) * takesMs;
      const creation = bed()
        .create(name)
        .then(
          ({ result }) => result === true,
          () => false,
        );
      await pause(afterMs);
      await bed().stopServer('SIGKILL');
      const answered = await creation;
      await bed().up();
      const { result, error = '' } = await bed().create(name);
      const outcome = `${afterMs.toFixed(0)} ms: answered ${answered}, then ${error || result}`;
      t.true(
        result === true || error.startsWith(`A volume called admin/${name} already exists with id `),
        outcome,
      );
      t.false(answered && result === true, `what was created is there: ${outcome}`);
      const datasets = await bed().datasetsNamed(name);
      t.is(datasets.length, 1, outcome);
      const id = await bed().admin<string>('Lookup', bed().dot(name));
      t.is(datasets[0], bed().dataset(id), outcome);
      t.like(await bed().admin('Get', id), { CommitCount: 1 });
      outcomes.push(outcome);
    }
    t.log(outcomes.join('\n'));
    for (let round = 0; round < ROUNDS; round++)
      t.is(await bed().admin('Delete', { Namespace: 'admin', Name: `killed${round}` }), true);
  });
}

import test from 'ava';
import { afterDeath, type Deaths } from '../../../src/provision/restarts.ts';

/** Delays between deaths that follow each other at once, until it is given up. */
function delaysOf(upMs: number, limit = 20): number[] {
  const delays: number[] = [];
  let deaths: Deaths = [];
  let now = 0;
  while (delays.length < limit) {
    now += upMs;
    const verdict = afterDeath(deaths, { now, upMs });
    if (verdict === 'give-up') break;
    delays.push(verdict.delayMs);
    deaths = verdict.deaths;
    now += verdict.delayMs;
  }
  return delays;
}

test('the pause doubles, and the fifth death in a row is the last', t => {
  t.deepEqual(delaysOf(0), [1000, 2000, 4000, 8000]);
});

test('deaths that come slowly are put up with, ten seconds apart at most', t => {
  const delays = delaysOf(40_000);
  t.is(delays.length, 20);
  t.is(Math.max(...delays), 10_000);
});

test('a minute of health makes a new beginning', t => {
  t.deepEqual(delaysOf(60_000, 3), [1000, 1000, 1000]);
});

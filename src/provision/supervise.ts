/** Step 8: a service that dies is started again, until it dies too often. */

import { setTimeout } from 'node:timers/promises';
import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Exit, Service } from '../system/service.ts';
import { abortable } from './context.ts';
import { lastWords } from './readiness.ts';
import { afterDeath, type Deaths } from './restarts.ts';

export interface Supervised {
  name: string;
  current(): Pick<Service, 'exited' | 'tail'>;
  /** Starts it anew and resolves when it is ready; afterwards `current` is the new one. */
  restart(signal: AbortSignal): Promise<void>;
}

/** Lets `ms` milliseconds pass; throws as soon as the signal is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;
const wait: Pause = (ms, signal) => setTimeout(ms, undefined, { signal });

/**
 * Looks after all of them until `signal` is aborted, and resolves then; stops none.
 *
 * @throws DmError services/SERVICE_GAVE_UP when one died too often, services/SERVICE_STUCK when one that was to make
 *   way does not end; the others are not restarted any more either
 */
export async function supervise(
  all: readonly Supervised[],
  signal: AbortSignal,
  log: Log,
  pause: Pause = wait,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const ends = all.map(one => keepUp(one, either, log, pause).catch(error => over.abort(error)));
  // All of them: one that is just starting its service has to take that back before anybody stops the others.
  await Promise.all(ends);
  if (!signal.aborted) throw over.signal.reason;
}

/** Ends only by an error: the signal's reason, or that it gave up. */
async function keepUp(one: Supervised, signal: AbortSignal, log: Log, pause: Pause): Promise<never> {
  let deaths: Deaths = [];
  for (;;) {
    const since = performance.now();
    const exit = await abortable(one.current().exited, signal);
    deaths = await ride(
      one,
      deaths,
      performance.now() - since,
      wayOut(exit, one.current()),
      signal,
      log,
      pause,
    );
  }
}

/** From one death to the next successful start; gives the deaths in a row. */
async function ride(
  one: Supervised,
  before: Deaths,
  up: number,
  how: string,
  signal: AbortSignal,
  log: Log,
  pause: Pause,
): Promise<Deaths> {
  let deaths = before;
  let upMs = up;
  let why = how;
  for (;;) {
    const verdict = afterDeath(deaths, { now: performance.now(), upMs });
    if (verdict === 'give-up') throw gaveUp(one.name, why);
    deaths = verdict.deaths;
    log.warn(`${one.name} ${why} Starting it again in ${verdict.delayMs / 1000} s.`);
    await pause(verdict.delayMs, signal);
    try {
      await one.restart(signal);
      log.info(`${one.name} is up again.`);
      return deaths;
    } catch (error) {
      signal.throwIfAborted();
      // Beside one that can not be ended no second one is started: they would share a pool's files.
      if (isDmError(error, 'SERVICE_STUCK')) throw error;
      upMs = 0;
      why = `did not start: ${asDmError(error).message}`;
    }
  }
}

function wayOut(exit: Exit, service: Pick<Service, 'tail'>): string {
  return `ended (${exit.signal ?? `exit code ${exit.code}`})${lastWords(service)}`;
}

function gaveUp(name: string, why: string): DmError {
  return new DmError('services', 'SERVICE_GAVE_UP', `${name} does not stay up: the last time it ${why}`, {
    hint: 'Everything is stopped, the pool stays imported; solve the cause and start dm-linuxkit again.',
  });
}

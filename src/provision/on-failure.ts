/**
 * What a boot step that failed does (`--on-failure`): LinuxKit throws its exit code away and goes on, so a step that
 * matters has to hold the boot itself.
 */

import { asDmError, DmError } from '../lib/errors.ts';
import { until, within } from '../lib/retry.ts';
import type { Context } from './context.ts';
import { mayPass } from './passing.ts';

export type OnFailure = 'exit' | 'wait' | 'poweroff';
export const ON_FAILURE: readonly OnFailure[] = ['exit', 'wait', 'poweroff'];

const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 60_000;
/** A step whose time is up ends with the command that it waits for; after this it is one that hangs. */
const SETTLE_MS = 120_000;

export type Verdict = { do: 'try again'; inMs: number } | { do: 'hold'; forMs: number } | { do: 'give up' };

/**
 * After `tries` that failed, the last with `error`, `leftMs` before the wait is over: when to try again. Pure.
 * 2 s, 4 s… 60 s; what can not pass is not tried again, yet holds the boot as long.
 */
export function afterFailure(error: unknown, { tries, leftMs }: { tries: number; leftMs: number }): Verdict {
  if (leftMs <= 0 || asDmError(error).kind === 'interrupted') return { do: 'give up' };
  if (!mayPass(error)) return { do: 'hold', forMs: leftMs };
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(tries - 1, 10));
  return { do: 'try again', inMs: Math.min(delayMs, leftMs) };
}

export interface Time {
  /** Milliseconds, from any moment on. */
  now(): number;
  /** Ends early, and without an error, when a signal asks for it. */
  pause(ms: number, interrupted: AbortSignal): Promise<void>;
}

const REAL_TIME: Time = {
  now: () => performance.now(),
  async pause(ms, interrupted) {
    await until(() => interrupted.aborted, { deadlineMs: ms, everyMs: 100 });
  },
};

export interface Persistence {
  onFailure: OnFailure;
  /** A boot that goes on when this ends is held as well by what can not pass. */
  holdsBoot: boolean;
  /** How long `wait` holds the boot after the first failure, in milliseconds. */
  holdMs: number;
  /** How long one try may take. */
  timeoutMs: number;
  /** What was thrown, before anything is done about it. */
  failed(error: DmError): Promise<void>;
  /** Switches the machine off; resolves to whether somebody who can was told to. */
  powerOff(): Promise<boolean>;
}

/**
 * Runs a boot step as often as `--on-failure` says.
 *
 * @throws DmError of the last try; services/TRY_HANGS when a try does not end although its time is up: a second one
 *   beside it would be the end of the pool
 */
export async function insist<T>(
  attempt: () => Promise<T>,
  how: Persistence,
  context: Pick<Context, 'tell' | 'interrupted'>,
  time: Time = REAL_TIME,
): Promise<T> {
  let end: number | undefined;
  for (let tries = 1; ; tries++) {
    const result = await settled(attempt, how.timeoutMs);
    if ('value' in result) return result.value;
    const error = asDmError(result.error);
    // The boot is held from the first failure on: however slow that try was, there is time for another.
    end ??= time.now() + how.holdMs;
    await how.failed(error);
    let holds = how.onFailure === 'wait';
    if (how.onFailure === 'poweroff' && error.kind !== 'interrupted') {
      context.tell(`Switching the machine off: ${error.message}`);
      // Whoever wants it off does not want the boot to go on.
      holds = !(await how.powerOff());
    }
    if (!holds || error.code === 'TRY_HANGS') throw error;
    const leftMs = end - time.now();
    const verdict = afterFailure(error, { tries, leftMs });
    if (verdict.do === 'give up' || (verdict.do === 'hold' && !how.holdsBoot)) throw error;
    context.tell(sentence(verdict, error, how.holdsBoot));
    const ms = verdict.do === 'hold' ? verdict.forMs : verdict.inMs;
    await time.pause(ms, context.interrupted);
    if (context.interrupted.aborted || verdict.do === 'hold') throw error;
  }
}

function sentence(
  verdict: Exclude<Verdict, { do: 'give up' }>,
  { message }: DmError,
  holdsBoot: boolean,
): string {
  if (verdict.do === 'hold')
    return `The boot is held, for ${seconds(verdict.forMs)} at most or until SIGTERM: ${message}`;
  const start = holdsBoot ? 'The boot is held; the' : 'The';
  return `${start} next try is in ${seconds(verdict.inMs)}: ${message}`;
}

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;

type Settled<T> = { value: T } | { error: unknown };

/** The outcome of a try once it has really ended: it is asked to at `timeoutMs`, by its own clock. */
async function settled<T>(attempt: () => Promise<T>, timeoutMs: number): Promise<Settled<T>> {
  const running = attempt().then(
    (value): Settled<T> => ({ value }),
    (error: unknown): Settled<T> => ({ error }),
  );
  return (await within(running, timeoutMs + SETTLE_MS)) ?? { error: hangs(timeoutMs) };
}

function hangs(timeoutMs: number): DmError {
  const text = `This neither succeeded nor ended within ${(timeoutMs + SETTLE_MS) / 1000} s: it hangs.`;
  return new DmError('services', 'TRY_HANGS', text, {
    hint: 'Most likely a disk or ZFS does not answer: see the kernel log (dmesg), and start the machine anew.',
  });
}

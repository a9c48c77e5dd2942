/** Waiting for disks that come late, with a bound: how long still, and whether what is there has settled. */

import { setTimeout as delay } from 'node:timers/promises';

/** Disks of one machine are found by the kernel one after the other; none has come for so long: there are no more. */
const SETTLE_MS = 2_000;
const EVERY_MS = 250;

export interface Patience {
  /** Whether the time to wait has passed. */
  isOver(): boolean;
  /** Whether the time has passed or nothing has changed for a while. */
  hasSettled(): boolean;
  /** Resolves when something has changed, or when `hasSettled` (or else only `isOver`) becomes true. */
  change(until: 'settled' | 'over', signal?: AbortSignal): Promise<void>;
}

/** `look` says what is there, as a text that changes with it. */
export async function startPatience(waitMs: number, look: () => Promise<string>): Promise<Patience> {
  const end = performance.now() + waitMs;
  let seen = await look();
  let since = performance.now();
  const isOver = () => performance.now() >= end;
  const hasSettled = () => isOver() || performance.now() - since >= SETTLE_MS;
  return {
    isOver,
    hasSettled,
    async change(until, signal) {
      const enough = until === 'settled' ? hasSettled : isOver;
      while (!enough()) {
        await delay(EVERY_MS, undefined, signal ? { signal } : {});
        const now = await look();
        if (now === seen) continue;
        seen = now;
        since = performance.now();
        return;
      }
    },
  };
}

/** Waiting for disks that come late, with a bound. */

import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 250;

export interface Patience {
  /** Whether the time to wait has passed. */
  isOver(): boolean;
  remainingMs(): number;
  /** Resolves when something has changed, or the time has passed. */
  change(signal?: AbortSignal): Promise<void>;
}

/** `look` says what is there, as a text that changes with it. */
export async function startPatience(waitMs: number, look: () => Promise<string>): Promise<Patience> {
  const end = performance.now() + waitMs;
  let seen = await look();
  const remainingMs = () => Math.max(0, end - performance.now());
  const isOver = () => remainingMs() === 0;
  return {
    isOver,
    remainingMs,
    async change(signal) {
      while (!isOver()) {
        await delay(Math.min(EVERY_MS, remainingMs()), undefined, signal ? { signal } : {});
        const now = await look();
        if (now === seen) continue;
        seen = now;
        return;
      }
    },
  };
}

/** Waiting for a condition, always with a deadline. */

import { setTimeout as delay } from 'node:timers/promises';

export interface Until {
  /** Give up after so many milliseconds. */
  deadlineMs: number;
  /** Milliseconds between two looks. */
  everyMs?: number;
  signal?: AbortSignal;
}

/**
 * Calls `look` until it gives something other than undefined, null or false, and resolves to that;
 * resolves to undefined when the deadline has passed. What `look` throws is thrown on.
 */
export async function until<T>(
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { deadlineMs, everyMs = 20, signal }: Until,
): Promise<T | undefined> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() >= end) return undefined;
    await delay(everyMs, undefined, signal ? { signal } : {});
  }
}

/** `promise`, or undefined when it has not settled after `ms` milliseconds. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

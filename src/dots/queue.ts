/**
 * One queue per filesystem: operations on one dot run one after the other, dots do not wait for each other.
 */

import { within } from '../lib/retry.ts';

export class Queues {
  readonly #tails = new Map<string, Promise<unknown>>();
  #started = 0;
  #running = 0;

  /**
   * Runs `work` when everything queued under `key` before has ended, however it ended. Work under a dot's
   * name may queue under a filesystem's id, never the other way round: that could wait for ever.
   */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#started++;
    this.#running++;
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(work);
    const tail = result
      .catch(() => undefined)
      .then(() => {
        this.#running--;
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }

  /** Runs `work` with all these queues held; they are taken in one order, so that two can't hold each other up. */
  holding<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(keys)].sort();
    if (first === undefined) return work();
    return this.run(first, () => this.holding(rest, work));
  }

  /**
   * A mark of this moment: undefined while anything runs or waits. Two equal marks: nothing ran between
   * them.
   */
  quietMark(): number | undefined {
    return this.#running === 0 ? this.#started : undefined;
  }

  /** Waits until nothing runs, at most `deadlineMs`; true when nothing does. */
  async idle(deadlineMs: number): Promise<boolean> {
    const end = performance.now() + deadlineMs;
    while (this.#running > 0) {
      const left = end - performance.now();
      if (left <= 0) return false;
      await within(Promise.all(this.#tails.values()), left);
    }
    return true;
  }
}

export const nameKey = (namespace: string, name: string): string => `name:${namespace}/${name}`;
export const idKey = (id: string): string => `id:${id}`;

/**
 * Sizes of all filesystems, asked of ZFS with one command for all when somebody wants them, never in the
 * background. A slow or dead ZFS makes them old, not the answer late.
 */

import { asDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { within } from '../lib/retry.ts';
import type { Size } from '../zfs/index.ts';

const FRESH_MS = 1000;
const PATIENCE_MS = 25;
/** Figures this old, or none at all, are worth waiting for, unless ZFS took longer than that the last time. */
const OLD_MS = 5000;
const PATIENCE_WITH_OLD_MS = 1000;

export interface SizesOptions {
  ask: () => Promise<Map<string, Size>>;
  log: Log;
}

export class Sizes {
  readonly #options: SizesOptions;
  #sizes: ReadonlyMap<string, Size> = new Map();
  #askedAt = Number.NEGATIVE_INFINITY;
  #knownAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #failing = false;
  #tookMs = 0;

  constructor(options: SizesOptions) {
    this.#options = options;
  }

  /**
   * Begins to ask when the figures are older than 1 s; waits 25 ms for the answer, or 1 s when they are older than 5 s
   * and neither the last answer nor this one took longer (1,000 dots take zfs-fuse many seconds).
   */
  async refresh(): Promise<void> {
    if (!this.#asking && performance.now() - this.#askedAt >= FRESH_MS) {
      this.#askedAt = performance.now();
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined;
      });
    }
    if (this.#asking) await within(this.#asking, this.#patienceMs(performance.now()));
  }

  /** What is left of the 1 s since ZFS was asked, so that it is spent once however many want to know. */
  #patienceMs(now: number): number {
    const isOld = now - this.#knownAt >= OLD_MS;
    const isHopeful = !this.#failing && this.#tookMs < PATIENCE_WITH_OLD_MS;
    const leftMs = isOld && isHopeful ? this.#askedAt + PATIENCE_WITH_OLD_MS - now : 0;
    return Math.max(leftMs, PATIENCE_MS);
  }

  /** Zeros while nothing is known. */
  of(dataset: string): Size {
    return this.#sizes.get(dataset) ?? { referenced: 0, dirty: 0 };
  }

  /** What is uncommitted was committed or thrown away just now: the next look asks ZFS anew. */
  clean(dataset: string): void {
    this.#sizes = new Map(this.#sizes).set(dataset, { ...this.of(dataset), dirty: 0 });
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  /** Waits at most `deadlineMs` for an answer that is awaited. */
  async settle(deadlineMs: number): Promise<void> {
    if (this.#asking) await within(this.#asking, deadlineMs);
  }

  async #ask(): Promise<void> {
    const { ask, log } = this.#options;
    try {
      const askedAt = this.#askedAt;
      this.#sizes = await ask().finally(() => {
        this.#tookMs = performance.now() - askedAt;
      });
      this.#knownAt = askedAt;
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        log.warn({ reason: asDmError(error).message }, 'ZFS does not tell sizes: older figures are shown');
      }
      this.#failing = true;
    }
  }
}

/**
 * The index in etcd follows ZFS and the state file, last in every change. When etcd does not answer, the
 * change stands all the same; the log says once that the index is behind, and it is made right as a whole
 * when etcd is back.
 */

import type { Change, Etcd, KeyValue } from '../etcd/index.ts';
import { asDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { within } from '../lib/retry.ts';
import { difference, PREFIX } from './keyspace.ts';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;

export interface IndexWriterOptions {
  etcd: Etcd;
  nodeId: string;
  /** What the index should hold now. */
  desired: () => KeyValue[];
  log: Log;
  /** Milliseconds before the first try to catch up; doubles up to 15 s. */
  firstPauseMs?: number;
}

export class IndexWriter {
  readonly #options: IndexWriterOptions;
  #chain: Promise<unknown> = Promise.resolve();
  #behind = false;
  #closed = false;
  #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IndexWriterOptions) {
    this.#options = options;
    this.#pauseMs = options.firstPauseMs ?? FIRST_PAUSE_MS;
  }

  /** True while the index is known not to hold what it should. */
  get behind(): boolean {
    return this.#behind;
  }

  /** Applies changes after all earlier ones. Never throws: the index is not what makes a change real. */
  write(changes: readonly Change[]): Promise<void> {
    return this.#queued(async () => {
      if (this.#behind || changes.length === 0) return;
      await this.#attempt(() => this.#options.etcd.apply(changes));
    });
  }

  /** Makes the whole index right; `actual` saves reading it, undefined says that it could not be read. */
  sync(actual?: readonly KeyValue[]): Promise<void> {
    return this.#queued(() => this.#attempt(() => this.#catchUp(actual)));
  }

  /** Says that the index could not be read: everything is written when etcd answers. */
  fallBehind(error: unknown): void {
    if (this.#closed) return;
    if (!this.#behind) {
      const reason = asDmError(error).message;
      this.#options.log.warn({ reason }, 'the index in etcd is behind; it is caught up when etcd answers');
    }
    this.#behind = true;
    this.#timer ??= setTimeout(() => this.#retry(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** Waits at most `deadlineMs` for what is under way, then stops. */
  async close(deadlineMs: number): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#behind) await within(this.sync(), deadlineMs);
    else await within(this.#chain, deadlineMs);
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #retry(): void {
    this.#timer = undefined;
    if (!this.#closed) void this.sync();
  }

  async #catchUp(known?: readonly KeyValue[]): Promise<void> {
    const { etcd, desired, nodeId, log, firstPauseMs } = this.#options;
    const actual = known ?? (await etcd.list(PREFIX));
    await etcd.apply(difference(desired(), actual, nodeId));
    if (this.#behind) log.info('the index in etcd is caught up');
    this.#behind = false;
    this.#pauseMs = firstPauseMs ?? FIRST_PAUSE_MS;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    try {
      await work();
    } catch (error) {
      this.fallBehind(error);
    }
  }

  #queued(work: () => Promise<void>): Promise<void> {
    const done = this.#chain.then(work);
    this.#chain = done;
    return done;
  }
}

/**
 * A sign of life on the pool while a daemon serves it. Another machine that finds the disk takes it for abandoned when
 * nothing is written for ten seconds (idle.ts); a database at rest writes nothing, so we do.
 */

import { join } from 'node:path';
import { asDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { within } from '../lib/retry.ts';
import { run } from '../system/run.ts';

/** With OpenZFS's transaction groups of at most 5 s (`zfs_txg_timeout`), each look of idle.ts sees a beat. */
const EVERY_MS = 4_000;
const FILE = 'heartbeat';
const HUNG_AFTER_BEATS = 5;
const HUNG =
  'ZFS hangs: a file of the pool has given no answer for many seconds, though its commands may still answer. Restart zfs-fuse, or the machine.';
/** A beat that hangs is the only one: the next begins when it has ended, and nobody waits for it but this file. */
const LONGEST_MS = 24 * 3_600_000;

/** Whoever stops does not wait for a pool that hangs. */
const LAST_BEAT_MS = 1_000;

export interface Heartbeat {
  /** No beat begins any more; the one under way holds a file of the pool open, and is waited for, one second at most. */
  stop(): Promise<void>;
}

type Write = (path: string, text: string) => Promise<unknown>;

/** In a child, since whatever touches a file of a ZFS that hangs can not be ended, and must not be us. */
const writeInChild: Write = (path, text) => run(['tee', '--', path], { input: text, timeoutMs: LONGEST_MS });

/** Writes the time into a file of `directory` every four seconds until `stop`; failures are logged once in a row,
 * and so is a write that does not end. */
export function startHeartbeat(
  directory: string,
  log: Log,
  { everyMs = EVERY_MS, write = writeInChild } = {},
): Heartbeat {
  let writing: Promise<unknown> | undefined;
  let isFailing = false;
  let missed = 0;
  const beat = async () => {
    if (writing) {
      // A pool that hangs must not collect writes that hang with it; whoever looks for the reason finds it here.
      if (++missed === HUNG_AFTER_BEATS) log.error(HUNG);
      return;
    }
    try {
      writing = write(join(directory, FILE), `${new Date().toISOString()}\n`);
      await writing;
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn(`The sign of life on the pool can not be written: ${asDmError(error).message}`);
      isFailing = true;
    } finally {
      writing = undefined;
      if (missed >= HUNG_AFTER_BEATS) log.warn('The files of the pool answer again.');
      missed = 0;
    }
  };
  const timer = setInterval(beat, everyMs);
  timer.unref();
  void beat();
  return {
    async stop() {
      clearInterval(timer);
      await within(
        Promise.resolve(writing).catch(() => undefined),
        LAST_BEAT_MS,
      );
    },
  };
}

/**
 * A sign of life on the pool while a process of ours lives: a daemon, or a boot step, which may hold the boot for
 * minutes. Another machine that finds the disk takes it for abandoned when nothing is written for ten seconds (idle.ts);
 * a database at rest writes nothing, so we do.
 */

import { asDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { within } from '../lib/retry.ts';
import { etcdDataset, etcdMountpoint, MOUNT_PREFIX } from '../model/layout.ts';
import { effectiveUid } from '../system/host.ts';
import { mountsAt } from '../system/mounts.ts';
import { run } from '../system/run.ts';

/** With OpenZFS's transaction groups of at most 5 s (`zfs_txg_timeout`), each look of idle.ts sees a beat. */
const EVERY_MS = 4_000;
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

/** `work` with a heartbeat of the pool. Whoever is not root has no pool. */
export async function whileBeating<T>(pool: string, log: Log, work: () => Promise<T>): Promise<T> {
  if (effectiveUid() !== 0) return work();
  const heartbeat = startHeartbeat(pool, log);
  try {
    return await work();
  } finally {
    await heartbeat.stop();
  }
}

/**
 * Changes the time of a directory, which is a write; nothing is made when the pool is just being unmounted. In a child,
 * since whatever touches a file of a ZFS that hangs can not be ended, and must not be us.
 */
const touch = (directory: string): Promise<unknown> =>
  run(['touch', '-c', '--', directory], { timeoutMs: LONGEST_MS });

/** Whether the pool is imported, as far as that can be told without asking ZFS. */
async function hasState(pool: string, directory: string): Promise<boolean> {
  return (await mountsAt(directory)).at(-1)?.source === etcdDataset(pool);
}

/**
 * Writes to the pool every four seconds until `stop`, as long as its state directory is mounted; failures are logged
 * once in a row, and so is a write that does not end.
 */
export function startHeartbeat(
  pool: string,
  log: Log,
  { everyMs = EVERY_MS, isMounted = hasState, write = touch, mountPrefix = MOUNT_PREFIX } = {},
): Heartbeat {
  const directory = etcdMountpoint(mountPrefix, pool);
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
      writing = isMounted(pool, directory).then(mounted => mounted && write(directory));
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

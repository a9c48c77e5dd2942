/** Running `zfs`, `zpool` and `zdb`: deadlines, environment, and errors in our words. */

import { asDmError } from '../lib/errors.ts';
import { type Outcome, type RunOptions, run } from '../system/run.ts';
import { zfsError } from './errors.ts';

/** Commands that only ask or change a property. */
export const QUICK_MS = 30_000;
/** create, destroy, import, export: they wait for disks. */
export const SLOW_MS = 120_000;

const ENVIRONMENT = {
  // Without udev, ZFS waits 30 s for a device id that nobody will make.
  ZFS_VDEV_DEVID_OPT_OUT: 'YES',
  // Whole paths, also where `zpool import` has no -P: zpool(8), environment variables.
  ZPOOL_VDEV_NAME_PATH: 'YES',
};

/** `about` is the dataset, pool or device that an error is about. Throws the errors of the contract. */
export type Command = (args: readonly string[], about: string, options?: RunOptions) => Promise<Outcome>;

export const zfs: Command = (args, about, options) => command(['zfs', ...args], about, options);
export const zpool: Command = (args, about, options) => command(['zpool', ...args], about, options);
export const zdb: Command = (args, about, options) => command(['zdb', ...args], about, options);

async function command(argv: [string, ...string[]], about: string, options: RunOptions = {}) {
  try {
    return await run(argv, { timeoutMs: QUICK_MS, ...options, env: { ...ENVIRONMENT, ...options.env } });
  } catch (error) {
    throw zfsError(asDmError(error), about);
  }
}

/**
 * Gives each text as a copy of its own, the same one for equal texts: V8 keeps a whole output in memory for as long as a
 * slice of it lives, and listings repeat their names.
 */
export function sharing(): (text: string) => string {
  const known = new Map<string, string>();
  return text => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const copy = Buffer.from(text).toString();
    known.set(copy, copy);
    return copy;
  };
}

/** The lines of an output; [] when it is empty. */
export function lines(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}

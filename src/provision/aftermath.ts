/** How a failure leaves the machine: the last sentence of every error message. Pure. */

import { asDmError, DmError } from '../lib/errors.ts';
import { DEFAULT_POOL } from '../model/layout.ts';
import { printable } from '../model/names.ts';

/** How far a run had come when it failed. */
export type Progress = 'looking' | 'pool' | 'imported' | 'served';

export interface Aftermath {
  progress: Progress;
  pool: string;
  /** The mountpoint, when it is kept closed until its dot is mounted (guard.ts). */
  closed?: string | undefined;
  /** What the first step has begun to write, as nouns: `a partition table on /dev/sda`. */
  begun?: Iterable<string>;
}

const ENDINGS: Record<Progress, (pool: string, begun: readonly string[]) => string> = {
  looking: () => 'Nothing was changed on the disks.',
  // Refusals of devices and pools say themselves what is to be done.
  pool: (_, begun) =>
    begun.length === 0
      ? 'Nothing was changed on the disks.'
      : `Begun on the disks: ${begun.join(', ')}; the next run goes on from there.`,
  imported: pool => `The pool ${pool} stays imported and nothing is running; run again.`,
  served: () => 'The daemon goes on serving.',
};

/** The error with a hint that says how it leaves the machine. */
export function withAftermath(error: unknown, { progress, pool, closed, begun = [] }: Aftermath): DmError {
  const { kind, code, message, hint, data, cause } = asDmError(error);
  const ending = ENDINGS[progress](pool, [...begun].map(printable));
  const guard = closed === undefined ? undefined : staysClosed(printable(closed), pool);
  const words = [hint, ending, guard].filter(each => each !== undefined).join(' ');
  return new DmError(kind, code, message, { data, cause: cause ?? error, hint: words });
}

/** A record of it may be lost with /run: the directory's name is enough to open it. */
function staysClosed(directory: string, pool: string): string {
  const flag = pool === DEFAULT_POOL ? '' : ` --pool-name=${pool}`;
  return `${directory} stays closed until its dot is mounted; "dm-linuxkit unmount ${directory}${flag}" opens it.`;
}

/** How a failure leaves the machine: the last sentence of every error message. Pure. */

import { asDmError, DmError } from '../lib/errors.ts';
import { printable } from '../model/names.ts';

/** How far a run had come when it failed. */
export type Progress = 'looking' | 'pool' | 'imported' | 'served';

const ENDINGS: Record<Progress, (pool: string) => string> = {
  looking: () => 'Nothing was changed on the disks.',
  // Refusals of devices and pools say themselves what is to be done; what was cut here is finished by the
  // next run.
  pool: () => 'Whatever was begun is finished by the next run.',
  imported: pool => `The pool ${pool} stays imported and nothing is running; run again.`,
  served: () => 'The daemon goes on serving.',
};

/**
 * The error with a hint that says how it leaves the machine.
 *
 * @param closed the mountpoint, when it is kept closed until its dot is mounted (guard.ts)
 */
export function withAftermath(error: unknown, progress: Progress, pool: string, closed?: string): DmError {
  const { kind, code, message, hint, data, cause } = asDmError(error);
  // A refusal is decided before the first write.
  const refused = progress === 'pool' && (kind === 'device' || kind === 'pool' || kind === 'zfs');
  const ending = refused ? undefined : ENDINGS[progress](pool);
  const guard =
    closed === undefined ? undefined : `${printable(closed)} stays closed until its dot is mounted.`;
  const words = [hint, ending, guard].filter(each => each !== undefined).join(' ');
  return new DmError(kind, code, message, {
    data,
    cause: cause ?? error,
    ...(words === '' ? {} : { hint: words }),
  });
}

/** `--storage-device=auto`: one look at the disks, and what follows from it now. */

import type { Log } from '../lib/log.ts';
import type { Pools } from '../zfs/index.ts';
import { lookAtDisks, refusePoolElsewhere } from './auto.ts';
import { planAuto, reasons } from './auto-plan.ts';
import type { Patience } from './patience.ts';
import type { DeviceState } from './survey.ts';

export interface ChooseDeps {
  pools: Pools;
  log: Log;
  tell?: (line: string) => void;
  loopsAreDisks?: boolean;
}

/**
 * The disks of the pool, or the blank one for a new pool. As long as there is patience, a text instead of a refusal:
 * `over` when another disk may still come, `settled` when a blank disk is there and the pool's own may follow.
 *
 * @throws DmError device/AUTO_NO_DISK, AUTO_SEVERAL_DISKS, AUTO_AMBIGUOUS, DEVICE_UNREADABLE
 */
export async function chooseDisks(
  poolName: string,
  members: ReadonlyMap<string, string>,
  patience: Pick<Patience, 'isOver' | 'hasSettled'>,
  { pools, log, tell, loopsAreDisks = false }: ChooseDeps,
): Promise<DeviceState[] | 'settled' | 'over'> {
  // Asked before the look: what comes during it is not in it.
  const [over, settled] = [patience.isOver(), patience.hasSettled()];
  const sights = await lookAtDisks(pools, members, loopsAreDisks);
  const choice = planAuto({ poolName, marks: pools.capabilities.poolComment }, sights);
  if (choice.do === 'refuse') {
    if (!choice.mayChange || over) throw choice.error;
    tell?.(`Waiting for a disk with the pool ${poolName}, or a blank one.`);
    return 'over';
  }
  if (!choice.complete && !over) {
    tell?.(`Waiting for the other disks of the pool ${poolName}.`);
    return 'over';
  }
  const [first] = choice.states;
  if (choice.blank && first) {
    if (!settled) return 'settled';
    await refusePoolElsewhere(poolName, first, sights);
  }
  const names = choice.states.map(({ named }) => named);
  const left = reasons(
    sights.filter(({ disk }) => !names.includes(disk.path)),
    { poolName },
  );
  log.info({ disks: names, left }, choice.blank ? 'auto: the blank disk' : 'auto: the disks of the pool');
  tell?.(`Disk for the pool ${poolName}: ${names.join(', ')}${choice.blank ? ', blank' : ''}.`);
  return choice.states;
}

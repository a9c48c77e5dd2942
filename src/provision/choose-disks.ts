/** `--storage-device=auto`: one look at the disks, and what follows from it now. */

import type { Log } from '../lib/log.ts';
import type { Pools } from '../zfs/index.ts';
import { lookAtDisks } from './auto.ts';
import { type Choice, planAuto, reasons, settle } from './auto-plan.ts';
import type { Patience } from './patience.ts';
import { refusePoolUnseen } from './pool-elsewhere.ts';
import type { DeviceState } from './survey.ts';

export interface ChooseDeps {
  pools: Pools;
  log: Log;
  tell?: (line: string) => void;
  loopsAreDisks?: boolean;
}

/**
 * The disks of the pool, or the blank one for a new pool; undefined as long as there is patience and another disk may
 * still come.
 *
 * @throws DmError device/AUTO_NO_DISK, AUTO_SEVERAL_DISKS, AUTO_AMBIGUOUS, DEVICE_UNREADABLE
 */
export async function chooseDisks(
  poolName: string,
  members: ReadonlyMap<string, string>,
  patience: Pick<Patience, 'isOver' | 'remainingMs'>,
  { pools, log, tell, loopsAreDisks = false }: ChooseDeps,
): Promise<DeviceState[] | undefined> {
  // Asked before the look: what comes during it is not in it.
  const over = patience.isOver();
  const sights = await lookAtDisks(pools, members, loopsAreDisks);
  const seen = planAuto({ poolName, marks: pools.capabilities.poolComment }, sights);
  const choice = settle(seen, over);
  if (!choice) {
    tell?.(waiting(poolName, seen, patience.remainingMs()));
    return undefined;
  }
  if (choice.do === 'refuse') throw choice.error;
  const [first] = choice.states;
  if (choice.blank && first) await refusePoolUnseen(poolName, first, sights, pools);
  const names = choice.states.map(({ named }) => named);
  const left = reasons(
    sights.filter(({ disk }) => !names.includes(disk.path)),
    { poolName },
  );
  log.info({ disks: names, left }, choice.blank ? 'auto: the blank disk' : 'auto: the disks of the pool');
  tell?.(`Disk for the pool ${poolName}: ${names.join(', ')}${choice.blank ? ', blank' : ''}.`);
  return choice.states;
}

function waiting(poolName: string, seen: Choice, ms: number): string {
  if (seen.do === 'refuse') return `Waiting for a disk with the pool ${poolName}, or a blank one.`;
  if (!seen.blank) return `Waiting for the other disks of the pool ${poolName}.`;
  const blank = seen.states.map(({ named }) => named).join(', ');
  return `Waiting for a disk with the pool ${poolName}; in ${Math.ceil(ms / 1000)} s the blank ${blank} is taken.`;
}

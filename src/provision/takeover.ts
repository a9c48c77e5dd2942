/**
 * Whether a pool that another host id had may become ours. ZFS refuses it, rightly: imported by two machines at once
 * a pool is lost. Yet a disk that moved, or a VM that was killed and came back with another host id, is an everyday
 * thing, so the conditions are checked instead of asking a person each time. Pure.
 */

import { DmError } from '../lib/errors.ts';
import { POOL_MARK } from '../model/layout.ts';
import type { Capabilities, Importable, Label } from '../zfs/index.ts';

export interface Foreign {
  poolName: string;
  /** Of its newest label. */
  label: Label;
  /** As `zpool import` lists it. */
  importable: Importable | undefined;
  /** --takeover */
  takeover: boolean;
}

/** @returns why not; undefined when only the look at its writes is left (idle.ts) */
export function judgeForeign(foreign: Foreign, capabilities: Capabilities): DmError | undefined {
  const { poolName, label, importable, takeover } = foreign;
  const whole =
    importable?.devices.every(device => device.state === 'ONLINE') && importable.state === 'ONLINE';
  if (!whole)
    return refusal(foreign, `and it is not complete (${importable?.state ?? 'it is not listed'})`, false);
  if (takeover) return undefined;
  if (!capabilities.poolComment) {
    return refusal(
      foreign,
      `and ${capabilities.description} can not tell whether ${poolName} is one of ours`,
      true,
    );
  }
  if (label.comment !== POOL_MARK) return refusal(foreign, 'and dm-linuxkit has not made it', true);
  return undefined;
}

/** The refusal of a pool that was written to while we watched it: no flag helps against that. */
export function stillInUse({ poolName, label }: Pick<Foreign, 'poolName' | 'label'>, path: string): DmError {
  return new DmError(
    'pool',
    'POOL_FOREIGN',
    `The pool ${poolName} is in use by ${host(label)} now: ${path} is being written to.`,
    {
      hint: `Stop that machine, or export the pool there with "zpool export ${poolName}".`,
      data: { hostName: label.hostName, hostId: label.hostId, active: true },
    },
  );
}

function refusal({ poolName, label }: Foreign, why: string, flagHelps: boolean): DmError {
  return new DmError(
    'pool',
    'POOL_FOREIGN',
    `The pool ${poolName} was last used by ${host(label)}, ${why}.`,
    {
      hint: flagHelps
        ? `Export it there with "zpool export ${poolName}", or give --takeover when that machine is off for certain.`
        : `Attach all of its devices, or export it there with "zpool export ${poolName}".`,
      data: { hostName: label.hostName, hostId: label.hostId },
    },
  );
}

export function host(label: Label): string {
  const id = label.hostId === undefined ? '' : ` (host id ${label.hostId})`;
  return `the host "${label.hostName ?? 'unknown'}"${id}`;
}

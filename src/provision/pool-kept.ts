/** Whether an imported pool of the wanted name is the one that is meant: it must have just the named devices. Pure. */

import { DmError } from '../lib/errors.ts';
import type { Pool } from '../zfs/index.ts';

export interface PoolDevice {
  path: string;
  /** See devices.ts; undefined when nothing is at its path now. */
  identity: string | undefined;
}

export interface WantedDevice {
  named: string;
  path: string;
  /** Its own, and those of its partitions: the pool has a partition of a disk that was named. */
  identities: readonly string[];
}

/** @returns why it can not be used, or undefined: keep it */
export function judgeImported(
  pool: Pool,
  devices: readonly PoolDevice[],
  wanted: readonly WantedDevice[],
): DmError | undefined {
  if (pool.health !== 'ONLINE' && pool.health !== 'DEGRADED') return unusable(pool);
  if (pool.readonly) return readOnly(pool.name);
  const isSame = (device: PoolDevice, want: WantedDevice) =>
    device.path === want.path || (device.identity !== undefined && want.identities.includes(device.identity));
  const notNamed = devices.filter(device => !wanted.some(want => isSame(device, want)));
  const notInPool = wanted.filter(want => !devices.some(device => isSame(device, want)));
  if (notNamed.length === 0 && notInPool.length === 0) return undefined;
  return otherDevices(pool.name, devices, wanted, notNamed, notInPool);
}

function otherDevices(
  name: string,
  devices: readonly PoolDevice[],
  wanted: readonly WantedDevice[],
  notNamed: readonly PoolDevice[],
  notInPool: readonly WantedDevice[],
): DmError {
  const has = devices.map(device => device.path).join(', ');
  const named = wanted.map(want => want.named).join(', ');
  const hint =
    notInPool.length === 0
      ? `Name ${notNamed.map(device => device.path).join(', ')} in --storage-device as well.`
      : notNamed.length === 0
        ? `Leave ${notInPool.map(want => want.named).join(', ')} out. A pool is made larger deliberately, with "zpool add".`
        : 'Name the devices of the pool, or give another --pool-name.';
  return new DmError(
    'pool',
    'POOL_OTHER_DEVICES',
    `The pool ${name} is imported with ${has}, but --storage-device names ${named}.`,
    { hint, data: { has: devices.map(device => device.path), named: wanted.map(want => want.named) } },
  );
}

function unusable({ name, health }: Pool): DmError {
  return new DmError('pool', 'POOL_UNUSABLE', `The pool ${name} is ${health}.`, {
    hint: `See "zpool status ${name}"; when its devices are back, "zpool clear ${name}" goes on.`,
    data: { health },
  });
}

function readOnly(name: string): DmError {
  return new DmError('pool', 'POOL_READ_ONLY', `The pool ${name} is imported read-only.`, {
    hint: `Export it with "zpool export ${name}"; the next run imports it for writing.`,
  });
}

/**
 * What is done about a pool that is not imported, decided from what its devices carry. Pure.
 *
 *   every device carries a part of one complete pool of this name    import
 *   every device is blank, or --force and nobody's                   create
 *   anything else                                                    refuse; nothing is written
 *
 * --force never touches a pool of the wanted name: it may stand in a machine's configuration for good, and the
 * second boot must not wipe what the first one made.
 */

import { DmError } from '../lib/errors.ts';
import type { Label } from '../zfs/index.ts';
import { ANY_POOL } from './device-content.ts';
import {
  deviceInUse,
  deviceNotBlank,
  deviceReadOnly,
  deviceTooSmall,
  MINIMUM_DEVICE_BYTES,
} from './device-errors.ts';
import { EDGE_BYTES } from './edges.ts';
import { ACTIVE, EXPORTED } from './pool-state.ts';
import type { DeviceState } from './survey.ts';

export interface PlanRequest {
  poolName: string;
  storageSizeBytes: number;
  force: boolean;
}

export type Plan =
  | { do: 'import'; guid: string; label: Label }
  | {
      do: 'create';
      /** Devices whose content goes first, all at the user's word or unborn pools of ours. */
      wipe: DeviceState[];
      /** Those of them that another machine may have in use: they have to be idle. */
      watch: DeviceState[];
    }
  | { do: 'refuse'; error: DmError };

/** A pool as the named devices' labels show it. */
interface Found {
  guid: string;
  label: Label;
  /** The newest label of each device that has one of this pool. */
  on: Map<DeviceState, Label>;
}

export function planPool(request: PlanRequest, devices: readonly DeviceState[]): Plan {
  for (const { named, users, readOnly } of devices) {
    if (users.length > 0) return refuse(deviceInUse(named, users));
    if (readOnly) return refuse(deviceReadOnly(named));
  }
  const pools = poolsOn(devices);
  const wanted = pools.filter(pool => pool.label.poolName === request.poolName);
  if (wanted.length > 1) return refuse(twice(request.poolName, wanted));
  const copies = copiesAmong(wanted);
  if (copies) return refuse(copied(request.poolName, copies));
  const [only] = wanted;
  if (only) return planImport(request.poolName, only, devices);
  return planCreate(request, pools, devices);
}

function planImport(name: string, pool: Found, devices: readonly DeviceState[]): Plan {
  const lacking = lackingIn(pool);
  const others = devices.filter(device => !pool.on.has(device));
  if (lacking) return refuse(missingDevice(name, pool, lacking, others));
  if (others.length > 0) return refuse(notOfThePool(name, pool, others));
  return { do: 'import', guid: pool.guid, label: pool.label };
}

function planCreate(request: PlanRequest, pools: readonly Found[], devices: readonly DeviceState[]): Plan {
  const [pool] = pools;
  if (pool && pools.length === 1 && !request.force && pool.on.size === devices.length)
    return refuse(otherName(request.poolName, pool));
  const used = devices.filter(device => device.content.found.length > 0);
  const unborn = [ANY_POOL, request.poolName];
  const precious = used.find(
    ({ content }) => content.unborn === undefined || !unborn.includes(content.unborn),
  );
  if (precious && !request.force) return refuse(deviceNotBlank(precious.named, precious.content.found));
  for (const device of devices) {
    const size = device.use === 'make file' ? request.storageSizeBytes : namedSize(device);
    if (size < MINIMUM_DEVICE_BYTES) return refuse(deviceTooSmall(device.named, size));
  }
  const maybeInUse = (device: DeviceState) => device.content.labels.some(label => label.state === ACTIVE);
  return { do: 'create', wipe: used, watch: used.filter(maybeInUse) };
}

/** The disk's size is what the user knows; our partition of it is smaller by the table and the alignment. */
function namedSize({ use, sizeBytes }: DeviceState): number {
  return use === 'partition' ? sizeBytes + EDGE_BYTES : sizeBytes;
}

/** Live pools (active or exported) with members among the devices. */
function poolsOn(devices: readonly DeviceState[]): Found[] {
  const pools = new Map<string, Found>();
  for (const device of devices) {
    for (const label of device.content.labels) {
      if (label.state > EXPORTED) continue;
      const pool = pools.get(label.poolGuid) ?? { guid: label.poolGuid, label, on: new Map() };
      const known = pool.on.get(device);
      if (!known || isNewer(label, known)) pool.on.set(device, label);
      if (isNewer(label, pool.label)) pool.label = label;
      pools.set(pool.guid, pool);
    }
  }
  return [...pools.values()];
}

/** Devices that carry the same member of a pool: one is a copy of the other, and ZFS would choose by chance. */
function copiesAmong(pools: readonly Found[]): DeviceState[] | undefined {
  const members = Map.groupBy(
    pools.flatMap(pool => [...pool.on]),
    ([, label]) => label.guid,
  );
  return [...members.values()].find(same => same.length > 1)?.map(([device]) => device);
}

function isNewer(a: Label, b: Label): boolean {
  return BigInt(a.txg) > BigInt(b.txg);
}

/** What the pool has beside the devices at hand, in words; undefined when it is complete. */
function lackingIn(pool: Found): { words: string; paths: string[] } | undefined {
  const labels = [...pool.on.values()];
  const tops = new Map(labels.map(label => [label.topGuid, label]));
  const paths: string[] = [];
  for (const [top, label] of tops) {
    const here = labels.filter(each => each.topGuid === top).length;
    // Which of a mirror's paths is the missing one is not told by names: they change from boot to boot.
    if (label.paths.length > here) paths.push(...label.paths);
  }
  const devices = pool.label.vdevChildren - tops.size;
  if (devices <= 0 && paths.length === 0) return undefined;
  if (paths.length > 0) return { words: `a device of those it knew as ${paths.join(', ')}`, paths };
  return { words: devices === 1 ? 'one more device' : `${devices} more devices`, paths };
}

function namesOf(devices: Iterable<DeviceState>): string {
  return [...devices].map(device => device.named).join(', ');
}

function missingDevice(
  name: string,
  pool: Found,
  lacking: { words: string; paths: string[] },
  others: readonly DeviceState[],
): DmError {
  const here = namesOf(pool.on.keys());
  const beside = others.map(
    ({ named, content }) => `${named} carries ${content.found.join(', ') || 'nothing'}`,
  );
  return new DmError(
    'pool',
    'POOL_MISSING_DEVICE',
    `The pool ${name} on ${here} is not complete: it needs ${lacking.words}${beside.length > 0 ? ', and ' : ''}${beside.join(', ')}.`,
    {
      hint: 'Attach the missing device and name all of the pool in --storage-device.',
      data: { guid: pool.guid, present: here, paths: lacking.paths },
    },
  );
}

function notOfThePool(name: string, pool: Found, others: readonly DeviceState[]): DmError {
  return new DmError(
    'pool',
    'POOL_OTHER_DEVICES',
    `The pool ${name} is complete on ${namesOf(pool.on.keys())}; ${namesOf(others)} is no part of it.`,
    {
      hint: `Leave ${namesOf(others)} out. A pool is made larger deliberately, with "zpool add".`,
      data: { guid: pool.guid },
    },
  );
}

function otherName(wanted: string, pool: Found): DmError {
  const { poolName } = pool.label;
  return new DmError(
    'pool',
    'POOL_OTHER_NAME',
    `${namesOf(pool.on.keys())} carries the pool "${poolName}", not ${wanted}.`,
    {
      hint: `Give --pool-name=${poolName} to use it, or --force to wipe it: what is on it is then lost.`,
      data: { name: poolName, guid: pool.guid },
    },
  );
}

function copied(name: string, devices: readonly DeviceState[]): DmError {
  return new DmError(
    'pool',
    'POOL_TWICE',
    `${namesOf(devices)} carry the same part of the pool ${name}: one is a copy of the other.`,
    { hint: 'Take the copy away, or name one of them only.' },
  );
}

function twice(name: string, pools: readonly Found[]): DmError {
  const all = pools.map(pool => `${pool.guid} on ${namesOf(pool.on.keys())}`);
  return new DmError(
    'pool',
    'POOL_TWICE',
    `There are ${pools.length} pools named ${name}: ${all.join('; ')}.`,
    {
      hint: `Name the devices of one only, or rename the other: zpool import GUID NEWNAME.`,
      data: { guids: pools.map(pool => pool.guid) },
    },
  );
}

function refuse(error: DmError): Plan {
  return { do: 'refuse', error };
}

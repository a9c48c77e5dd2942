/** The contract kept with the `zfs` command: OpenZFS ≥ 2.1 and zfs-fuse 0.7. */

import { DmError, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { assignment, dataset, options, propertyName } from './arguments.ts';
import { findCapabilities } from './capabilities.ts';
import { lines, SLOW_MS, zfs, zpool } from './command.ts';
import { copyFilesystem } from './copy.ts';
import { diff } from './diff.ts';
import { listEverything, listFilesystems, listSizes, listSnapshots } from './filesystems.ts';
import { COLUMNS, framed } from './framed.ts';
import type { Capabilities, Pools, Zfs } from './index.ts';
import { busyError, mountDataset, mountsOf, patiently, tryUnmount, unmountDataset } from './mounting.ts';
import { commandLinePools } from './pools.ts';
import { mountSnapshot, snapshotMounts, unmountSnapshot } from './snapshot-mounts.ts';

export { commandLinePools, findCapabilities };

/** It destroys later snapshots one by one, and there may be thousands. */
const ROLLBACK_MS = 900_000;
/** Set for the waiting that it brings. */
const SETTLED = 'dm-linuxkit:settled';

/**
 * The ZFS of this machine, asked once what it is.
 *
 * @throws DmError zfs/ZFS_MISSING, ZFS_DENIED, ZFS_HUNG
 */
export async function connectZfs({ log }: { log: Log }): Promise<{ zfs: Zfs; pools: Pools }> {
  const capabilities = await findCapabilities();
  log.debug({ capabilities }, `ZFS is ${capabilities.description}`);
  return { zfs: commandLineZfs(capabilities), pools: commandLinePools(capabilities) };
}

export function commandLineZfs(capabilities: Capabilities): Zfs {
  return {
    capabilities,
    filesystems: root => listFilesystems(root, capabilities),
    snapshots: (root, how = {}) => listSnapshots(root, how, capabilities),
    everything: root => listEverything(root, capabilities),
    sizes: root => listSizes(root, capabilities),
    create: async (name, properties) =>
      change(
        ['create', ...options('-o', { canmount: 'noauto', ...properties }), dataset(name)],
        name,
        SLOW_MS,
      ),
    destroy: name => destroy(name),
    async set(name, properties) {
      // One by one: zfs-fuse takes only one, and a refused one shall not hide behind the others.
      for (const [property, value] of Object.entries(properties)) {
        await change(['set', assignment(property, value), dataset(name)], name);
      }
    },
    async inherit(name, properties) {
      for (const each of properties) await change(['inherit', propertyName(each), dataset(name)], name);
    },
    get: (name, properties) => get(name, properties),
    snapshot: async (name, id, properties) =>
      change(['snapshot', ...options('-o', properties), dataset(`${name}@${id}`)], `${name}@${id}`),
    clone: (snapshot, name, properties) => clone(snapshot, name, properties, capabilities),
    // Never -R: what grows from later snapshots is destroyed by name, by whoever asks, or not at all.
    rollback: async (name, id) => change(['rollback', '-r', dataset(`${name}@${id}`)], name, ROLLBACK_MS),
    settle: root => settle(root, capabilities),
    mount: name => mountDataset(name, capabilities),
    unmount: name => unmountDataset(name),
    mountSnapshot: mount => mountSnapshot(mount, capabilities),
    unmountSnapshot: mount => unmountSnapshot(mount, capabilities, destroy),
    snapshotMounts: (root, clones) => snapshotMounts(root, clones, capabilities),
    diff,
    copy: (source, snapshots, target) => copyFilesystem(source, snapshots, target, capabilities),
    rename: async (name, newName) => change(['rename', dataset(name), dataset(newName)], name, SLOW_MS),
  };
}

async function change(args: readonly string[], about: string, timeoutMs?: number): Promise<void> {
  await zfs(args, about, timeoutMs === undefined ? {} : { timeoutMs });
}

/** zfs-fuse mounts a clone whatever its canmount says, when it has a mountpoint: there it gets one in a second step. */
async function clone(
  snapshot: string,
  name: string,
  properties: Record<string, string>,
  { userSpace }: Capabilities,
): Promise<void> {
  const { mountpoint } = properties;
  const isLater = userSpace && mountpoint !== undefined;
  const first = { canmount: 'noauto', ...properties, ...(isLater ? { mountpoint: 'none' } : {}) };
  await change(['clone', ...options('-o', first), dataset(snapshot), dataset(name)], name, SLOW_MS);
  if (isLater) await change(['set', assignment('mountpoint', mountpoint), name], name);
}

/** Sizes count what has reached the disk with its transaction group. */
async function settle(root: string, { userSpace }: Capabilities): Promise<void> {
  const pool = dataset(root).split('/')[0] ?? root;
  if (!userSpace) await zpool(['sync', pool], pool, { timeoutMs: SLOW_MS });
  // zfs-fuse has no `zpool sync`; a change of a property waits for the group that holds all before it.
  else await change(['set', assignment(SETTLED, 'true'), root], root, SLOW_MS);
}

async function get(name: string, properties: readonly string[]): Promise<Record<string, string>> {
  const question = framed(properties.map(propertyName));
  const { stdout } = await zfs(['get', '-H', '-p', '-o', COLUMNS, question.list, dataset(name)], name);
  return Object.fromEntries(question.parse(stdout).map(row => [row.property, row.value]));
}

/**
 * `zfs destroy -r` would take filesystems below along and unmount by force of habit; so both are looked at first.
 *
 * @throws DmError DATASET_BUSY with data.users, DATASET_HAS_DEPENDENTS
 */
async function destroy(name: string): Promise<void> {
  const kinds = ['list', '-H', '-r', '-t', 'filesystem,volume', '-o', 'name', dataset(name)];
  const below = lines((await zfs(kinds, name)).stdout).filter(each => each !== name);
  if (below.length > 0) {
    throw new DmError('zfs', 'DATASET_HAS_DEPENDENTS', `${name} holds other filesystems.`, {
      data: { dataset: name, dependents: below },
    });
  }
  const destroyed = await patiently(async () => {
    if ((await mountsOf(name)).length > 1) return undefined; // A bind mount: unmounting the rest would help nobody.
    await tryUnmount(name);
    await zfs(['destroy', '-r', name], name, { timeoutMs: SLOW_MS }).catch(ignoreMissing);
    return true;
  });
  if (!destroyed) throw await busyError(name);
}

/** A try that came too early may have done its work all the same. */
function ignoreMissing(error: unknown): void {
  if (!isDmError(error, 'DATASET_MISSING')) throw error;
}

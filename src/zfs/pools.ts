/** The contract of pools kept with the `zpool` command: OpenZFS ≥ 2.1 and zfs-fuse 0.7. */

import { isDmError } from '../lib/errors.ts';
import { withMountLock } from '../system/mounts.ts';
import { assignment, dataset, options } from './arguments.ts';
import { SLOW_MS, zpool } from './command.ts';
import { parseImportable } from './importable.ts';
import type { Capabilities, Importable, ImportOptions, Pool, Pools } from './index.ts';
import { readLabels } from './labels.ts';
import { patiently } from './mounting.ts';
import { createError, exportError, importError } from './pool-errors.ts';
import { parsePoolColumns, parsePoolRows } from './pool-list.ts';
import { searchPlaces } from './search-places.ts';
import { parseDevices } from './vdev-tree.ts';

/** `capabilities` come from `findCapabilities()`. */
export function commandLinePools(capabilities: Capabilities): Pools {
  return {
    capabilities,
    list: () => (capabilities.written ? list() : listByColumns()),
    async devices(pool) {
      const flag = capabilities.userSpace ? '-v' : '-P';
      const { stdout } = await zpool(['status', flag, dataset(pool)], pool);
      return parseDevices(stdout.split('\n'));
    },
    importable: from => importable(from, capabilities),
    labels: readLabels,
    create: (name, devices, properties) => create(name, devices, properties),
    import: (name, how) => importPool(name, how, capabilities),
    export: name => exportPool(name),
    async set(name, property, value) {
      await zpool(['set', assignment(property, value), dataset(name)], name);
    },
    async expand(name, device) {
      await zpool(['online', '-e', dataset(name), device], name);
    },
  };
}

async function list(): Promise<Pool[]> {
  const { stdout } = await zpool(['list', '-H', '-p', '-o', 'name,guid,size,free,health,readonly'], 'pools');
  return parsePoolRows(stdout);
}

/** zfs-fuse: `zpool get` has neither -H nor -p and wants names, and a pool may go between the two commands. */
async function listByColumns(): Promise<Pool[]> {
  const names = (await zpool(['list', '-H', '-o', 'name'], 'pools')).stdout.split('\n').filter(Boolean);
  if (names.length === 0) return [];
  const properties = 'guid,size,free,health';
  return parsePoolColumns((await zpool(['get', properties, ...names], 'pools', { okCodes: [0, 1] })).stdout);
}

async function importable(from: readonly string[], capabilities: Capabilities): Promise<Importable[]> {
  if (from.length === 0) return [];
  const places = await searchPlaces(from, capabilities);
  // zfs-fuse says by exit code 1, and nothing else, that there is nothing to import.
  const { stdout } = await zpool(['import', ...places.flags], from.join(', '), {
    timeoutMs: SLOW_MS,
    okCodes: [0, 1],
  });
  return places.only(parseImportable(stdout));
}

async function create(
  name: string,
  devices: readonly string[],
  { pool, root }: { pool?: Record<string, string>; root?: Record<string, string> },
): Promise<void> {
  const args = [
    'create',
    '-m',
    'none',
    ...options('-o', pool),
    ...options('-O', root),
    dataset(name),
    ...devices,
  ];
  await zpool(args, name, { timeoutMs: SLOW_MS }).catch(error => {
    throw createError(error, name, devices);
  });
}

/** By guid, without a new name: a pool keeps the name that it has. */
async function importPool(name: string, how: ImportOptions, capabilities: Capabilities): Promise<void> {
  const places = await searchPlaces(how.from, capabilities);
  // zfs-fuse has no -N, but mounts nothing whose mountpoint is `none` or whose canmount is `noauto`.
  const noMount = capabilities.userSpace ? [] : ['-N'];
  // The property is not kept on disk. Without it the pool would be imported at the next boot before anybody looked.
  const cache = ['-o', 'cachefile=none'];
  const args = ['import', ...noMount, ...cache, ...(how.force ? ['-f'] : []), ...places.flags, how.guid];
  await withMountLock(() => zpool(args, name, { timeoutMs: SLOW_MS })).catch(error => {
    throw importError(error, name);
  });
}

async function exportPool(name: string): Promise<void> {
  let busy: unknown;
  // It unmounts what is mounted. What was unmounted a moment ago may keep the pool busy for some milliseconds more.
  const attempt = async () => {
    try {
      await zpool(['export', dataset(name)], name, { timeoutMs: SLOW_MS });
      return true;
    } catch (error) {
      busy = error;
      throw error;
    }
  };
  try {
    if (!(await withMountLock(() => patiently(attempt)))) throw busy;
  } catch (error) {
    throw isDmError(error) ? exportError(error, name) : error;
  }
}

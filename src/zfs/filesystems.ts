/** Listing: filesystems, snapshots and sizes below a root, with a fixed number of commands. */

import { isDmError } from '../lib/errors.ts';
import { PROPERTY, TAGS } from '../model/layout.ts';
import type { Mount } from '../system/mounts.ts';
import { dataset } from './arguments.ts';
import { lines, zfs } from './command.ts';
import { COLUMNS, framed, type Row } from './framed.ts';
import type { Capabilities, Everything, Filesystem, Size, Snapshot, SnapshotOptions } from './index.ts';
import { zfsMounts } from './mounting.ts';
import { parseNumbers, sizesFrom } from './sizes.ts';

const OF_FILESYSTEMS = ['guid', 'origin', 'mountpoint', ...Object.values(PROPERTY)];
const OF_SNAPSHOTS = ['guid', 'createtxg', TAGS];
const LIST_MS = 120_000;
/** Every snapshot answers for every name: a stranger's stream with thousands of names must not stop us. */
const MOST_METADATA_NAMES = 64;

/** `zfs get -t` does not exist in zfs-fuse: there rows of other types come along and are left out. */
function ofType(
  type: 'filesystem' | 'snapshot' | 'filesystem,snapshot',
  { userSpace }: Capabilities,
): string[] {
  return userSpace ? [] : ['-t', type];
}

async function get(args: readonly string[], root: string): Promise<string | undefined> {
  try {
    return (await zfs(['get', '-H', '-p', ...args, dataset(root)], root, { timeoutMs: LIST_MS })).stdout;
  } catch (error) {
    if (isDmError(error, 'DATASET_MISSING')) return undefined;
    throw error;
  }
}

/**
 * One command. The user properties are those of model/layout.ts, by name: `zfs get all` takes three times as long,
 * since it works out every native property as well. What is mounted says the kernel: zfs-fuse reads the whole mount
 * table anew for each filesystem that is asked whether it is.
 */
export async function listFilesystems(root: string, capabilities: Capabilities): Promise<Filesystem[]> {
  const type = ofType('filesystem', capabilities);
  return filesystemsFrom(await rowsOf(OF_FILESYSTEMS, ['-r', ...type], root), await wholeMounts());
}

/** One command: it walks the filesystems once, and in zfs-fuse every walk meets the snapshots too. */
export async function listEverything(root: string, capabilities: Capabilities): Promise<Everything> {
  const properties = [...new Set([...OF_FILESYSTEMS, ...OF_SNAPSHOTS])];
  const rows = await rowsOf(properties, ['-r', ...ofType('filesystem,snapshot', capabilities)], root);
  return {
    filesystems: filesystemsFrom(
      rows.filter(({ property }) => property !== TAGS),
      await wholeMounts(),
    ),
    snapshots: snapshotsFrom(rows.filter(({ property }) => OF_SNAPSHOTS.includes(property))),
  };
}

/** [] when `root` does not exist. */
async function rowsOf(properties: readonly string[], which: readonly string[], root: string): Promise<Row[]> {
  const question = framed(properties);
  return question.parse((await get([...which, '-o', COLUMNS, question.list], root)) ?? '');
}

const wholeMounts = async () => (await zfsMounts()).filter(({ root }) => root === '/');

/** Pure. `mounts`: those of whole filesystems. */
export function filesystemsFrom(
  rows: readonly Row[],
  mounts: readonly Pick<Mount, 'source'>[],
): Filesystem[] {
  const mounted = new Set(mounts.map(({ source }) => source));
  const found = new Map<string, Filesystem>();
  for (const { name, property, source, value } of rows) {
    if (name.includes('@')) continue;
    let filesystem = found.get(name);
    if (!filesystem) {
      filesystem = {
        ...{ name, guid: '', origin: undefined, mountpoint: '', properties: {} },
        mounted: mounted.has(name),
      };
      found.set(name, filesystem);
    }
    if (property === 'guid') filesystem.guid = value;
    else if (property === 'origin') filesystem.origin = value === '-' || value === '' ? undefined : value;
    else if (property === 'mountpoint') filesystem.mountpoint = value;
    else if (source === 'local') filesystem.properties[property] = value;
  }
  // By code unit, which puts a parent before what lies in it. Volumes are no filesystems: they have no mountpoint.
  return [...found.values()]
    .filter(each => each.mountpoint !== '-')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One command, or two with the metadata: which names there are, then their values. */
export async function listSnapshots(
  root: string,
  { depth, metadata = false }: SnapshotOptions,
  capabilities: Capabilities,
): Promise<Snapshot[]> {
  // With depth 1 come the snapshots of `root` itself, in zfs-fuse also the filesystems in it.
  const where = [...(depth === 0 ? ['-d', '1'] : ['-r']), ...ofType('snapshot', capabilities)];
  const names = metadata
    ? await get([...where, '-s', 'local,received', '-o', 'name,property', 'all'], root)
    : '';
  if (names === undefined) return [];
  const wanted = [...new Set([...OF_SNAPSHOTS, ...commonest(names)])];
  const snapshots = snapshotsFrom(await rowsOf(wanted, where, root));
  return depth === 0 ? snapshots.filter(each => each.filesystem === root) : snapshots;
}

/** User properties of snapshots, the commonest first. Pure. */
export function commonest(names: string): string[] {
  const counts = new Map<string, number>();
  for (const line of lines(names)) {
    const [name = '', property = ''] = line.split('\t');
    if (name.includes('@') && property.includes(':')) counts.set(property, (counts.get(property) ?? 0) + 1);
  }
  return [...counts.entries()]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_METADATA_NAMES)
    .map(([property]) => property);
}

/** Pure. Oldest first per filesystem. */
export function snapshotsFrom(rows: readonly Row[]): Snapshot[] {
  const found = new Map<string, Snapshot>();
  for (const { name, property, source, value } of rows) {
    const [filesystem = '', id] = name.split('@');
    if (id === undefined) continue;
    const snapshot = found.get(name) ?? { filesystem, id, guid: '', createtxg: 0, tags: '', properties: {} };
    found.set(name, snapshot);
    if (property === 'guid') snapshot.guid = value;
    else if (property === 'createtxg') snapshot.createtxg = Number(value);
    else if (property === TAGS) {
      if (source === 'local') snapshot.tags = value;
    } else if (source === 'local' || source === 'received') snapshot.properties[property] = value;
  }
  return [...found.values()].sort((a, b) =>
    a.filesystem === b.filesystem ? a.createtxg - b.createtxg : a.filesystem < b.filesystem ? -1 : 1,
  );
}

/** One command in zfs-fuse, two elsewhere. */
export async function listSizes(root: string, capabilities: Capabilities): Promise<Map<string, Size>> {
  const columns = ['-r', '-o', 'name,property,value'];
  if (!capabilities.written) {
    const all = await get([...columns, 'type,referenced,used,createtxg'], root);
    return sizesFrom(parseNumbers(all ?? ''));
  }
  const type = ofType('filesystem', capabilities);
  const filesystems = await get([...columns, ...type, 'type,referenced,written'], root);
  if (filesystems === undefined) return new Map();
  // Names alone are quick to list; `written` of a filesystem without snapshots is all that it holds.
  const snapshots = await zfs(['list', '-H', '-r', '-t', 'snapshot', '-o', 'name', root], root, {
    timeoutMs: LIST_MS,
  });
  const names = lines(snapshots.stdout).map((name): [string, Map<string, string>] => [name, new Map()]);
  return sizesFrom(new Map([...parseNumbers(filesystems), ...names]));
}

/** Listing: filesystems, snapshots and sizes below a root, each with a fixed number of commands. */

import { isDmError } from '../lib/errors.ts';
import { dataset } from './arguments.ts';
import { lines, zfs } from './command.ts';
import { COLUMNS, framed, type Row, trueRows } from './framed.ts';
import type { Capabilities, Filesystem, Size, Snapshot } from './index.ts';
import { type Numbers, parseNumbers, sizesFrom } from './sizes.ts';

const NATIVE = ['guid', 'origin', 'mounted', 'mountpoint'];
const LIST_MS = 120_000;
/** So many values that somebody disguised are asked for one by one; the rest is left out. */
const MOST_DOUBTFUL = 64;

/** `zfs get -t` does not exist in zfs-fuse: there rows of other types come along and are left out. */
function ofType(type: 'filesystem' | 'snapshot', { userSpace }: Capabilities): string[] {
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

/** Two commands: which user properties there are, then those and the native ones by name. */
export async function listFilesystems(root: string, capabilities: Capabilities): Promise<Filesystem[]> {
  const type = ofType('filesystem', capabilities);
  const names = await get(['-r', ...type, '-s', 'local', '-o', 'name,property', 'all'], root);
  if (names === undefined) return [];
  const user = new Set(
    lines(names).flatMap(line => {
      const [name = '', property = ''] = line.split('\t');
      return !name.includes('@') && property.includes(':') ? [property] : [];
    }),
  );
  const question = framed([...NATIVE, ...user]);
  const answer = await get(['-r', ...type, '-o', COLUMNS, question.list], root);
  return filesystemsFrom(question.parse(answer ?? ''));
}

/** Pure. */
export function filesystemsFrom(rows: readonly Row[]): Filesystem[] {
  const found = new Map<string, Filesystem>();
  for (const { name, property, source, value } of rows) {
    if (name.includes('@')) continue;
    let filesystem = found.get(name);
    if (!filesystem) {
      filesystem = { name, guid: '', origin: undefined, mounted: false, mountpoint: '', properties: {} };
      found.set(name, filesystem);
    }
    if (property === 'guid') filesystem.guid = value;
    else if (property === 'origin') filesystem.origin = value === '-' || value === '' ? undefined : value;
    else if (property === 'mounted') filesystem.mounted = value === 'yes';
    else if (property === 'mountpoint') filesystem.mountpoint = value;
    else if (source === 'local') filesystem.properties[property] = value;
  }
  // By code unit, which puts a parent before what lies in it. Volumes are no filesystems: they have no mountpoint.
  return [...found.values()]
    .filter(each => each.mountpoint !== '-')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Three commands: guids and order, then the user properties twice (framed.ts says why). */
export async function listSnapshots(
  root: string,
  depth: 0 | undefined,
  capabilities: Capabilities,
): Promise<Snapshot[]> {
  // With depth 1 come the snapshots of `root` itself, in zfs-fuse also the filesystems in it.
  const where = [...(depth === 0 ? ['-d', '1'] : ['-r']), ...ofType('snapshot', capabilities)];
  const numbers = await get([...where, '-o', 'name,property,value', 'guid,createtxg'], root);
  const user = [...where, '-s', 'local,received', '-o'];
  const skeleton = numbers && (await get([...user, 'name,property,source', 'all'], root));
  if (!numbers) return [];
  const answer = skeleton && (await get([...user, COLUMNS, 'all'], root));
  const { rows, doubtful } = trueRows(skeleton ?? '', answer ?? '');
  const asked = doubtful.filter(row => row.name.includes('@')).slice(0, MOST_DOUBTFUL);
  const certain = await Promise.all(asked.map(row => one(row)));
  const snapshots = snapshotsFrom(parseNumbers(numbers), [...rows, ...certain.flat()]);
  return depth === 0 ? snapshots.filter(each => each.filesystem === root) : snapshots;
}

async function one(row: Omit<Row, 'value'>): Promise<Row[]> {
  const value = await get(['-o', 'value', row.property], row.name);
  return value === undefined ? [] : [{ ...row, value }];
}

/** Pure. Oldest first per filesystem. */
export function snapshotsFrom(numbers: Numbers, rows: readonly Row[]): Snapshot[] {
  const found = new Map<string, Snapshot>();
  for (const [name, values] of numbers) {
    const [filesystem = '', id] = name.split('@');
    if (id === undefined) continue;
    const createtxg = Number(values.get('createtxg') ?? 0);
    found.set(name, { filesystem, id, guid: values.get('guid') ?? '', createtxg, properties: {} });
  }
  for (const { name, property, source, value } of rows) {
    const snapshot = found.get(name);
    if (!snapshot || !property.includes(':') || !['local', 'received'].includes(source)) continue;
    snapshot.properties[property] = value;
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

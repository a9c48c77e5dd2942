/**
 * A ZFS in memory, for unit tests of what stands on the contract. It keeps names, guids, origins, properties and
 * sizes, and refuses what a real one refuses; it has no files and mounts nothing.
 */

import { DmError } from '../lib/errors.ts';
import { PROPERTY, TAGS } from '../model/layout.ts';
import { assignment, dataset } from './arguments.ts';
import type { Capabilities, Filesystem, Snapshot, SnapshotMount, SnapshotOptions, Zfs } from './index.ts';

export interface MemoryZfs extends Zfs {
  /** Adds to what the filesystem refers to, as if files had been written. */
  write(name: string, bytes: number): void;
  /** Somebody has files open on it, or no longer: unmounting and destroying answer DATASET_BUSY. */
  setBusy(name: string, busy: boolean): void;
}

interface Entry extends Filesystem {
  native: Record<string, string>;
  referenced: number;
  busy: boolean;
  snapshots: (Snapshot & { referenced: number })[];
}

const CAPABILITIES: Capabilities = {
  description: 'memory',
  written: true,
  poolComment: true,
  resume: true,
  multihost: true,
  expand: true,
  diff: false,
  snapshotMounts: true,
  userSpace: false,
};
/** Only the properties that the contract lists. */
const known = (properties: Record<string, string>) =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => KNOWN.has(name)));
const KNOWN = new Set<string>(Object.values(PROPERTY));
const EMPTY_BYTES = 24_576;

/** @param pools names of the root datasets that are there from the start */
export function memoryZfs(pools: readonly string[]): MemoryZfs {
  const entries = new Map<string, Entry>();
  const mounted = new Map<string, SnapshotMount>();
  let clock = 0;
  const nextGuid = () => String(10n ** 18n + BigInt(++clock));

  function entry(name: string): Entry {
    const found = entries.get(dataset(name));
    if (!found) throw new DmError('zfs', 'DATASET_MISSING', `There is no ${name}.`);
    return found;
  }
  function add(name: string, origin: string | undefined, referenced: number): Entry {
    if (entries.has(dataset(name))) throw new DmError('zfs', 'DATASET_EXISTS', `${name} exists already.`);
    if (name.includes('/')) entry(name.slice(0, name.lastIndexOf('/')));
    const state = { guid: nextGuid(), origin, mounted: false, mountpoint: 'none', properties: {} };
    const made: Entry = { name, ...state, native: {}, referenced, busy: false, snapshots: [] };
    entries.set(name, made);
    return made;
  }
  function assign(to: Entry, properties: Record<string, string>): void {
    for (const [property, value] of Object.entries(properties)) {
      assignment(property, value);
      if (property.includes(':')) to.properties[property] = value;
      else if (property === 'mountpoint') to.mountpoint = value;
      else to.native[property] = value;
    }
  }
  const below = (root: string) =>
    [...entries.values()]
      .filter(({ name }) => name === root || name.startsWith(`${root}/`))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  function filesystems(root: string): Filesystem[] {
    return below(root).map(({ name, guid, origin, mounted, mountpoint, properties }) => {
      return { name, guid, origin, mounted, mountpoint, properties: known(properties) };
    });
  }
  function snapshots(root: string, { depth, metadata }: SnapshotOptions = {}): Snapshot[] {
    const owners = below(root).filter(({ name }) => depth === undefined || name === root);
    return owners
      .flatMap(owner => owner.snapshots)
      .map(({ referenced: _, properties: { [TAGS]: tags = '', ...others }, ...snapshot }) => ({
        ...snapshot,
        tags,
        properties: metadata ? others : {},
      }));
  }
  function snapshotAt(name: string) {
    const [filesystem = '', id] = dataset(name).split('@');
    const found = entry(filesystem).snapshots.find(each => each.id === id);
    if (!found) throw new DmError('zfs', 'DATASET_MISSING', `There is no ${name}.`);
    return found;
  }
  function refuseBusy(name: string): void {
    if (!entry(name).busy) return;
    throw new DmError('zfs', 'DATASET_BUSY', `${name} is in use.`, { data: { dataset: name, users: [] } });
  }

  for (const pool of pools) add(pool, undefined, EMPTY_BYTES);
  return {
    capabilities: CAPABILITIES,
    filesystems: async root => filesystems(root),
    snapshots: async (root, how) => snapshots(root, how),
    everything: async root => ({ filesystems: filesystems(root), snapshots: snapshots(root) }),
    async sizes(root) {
      const sizeOf = ({ name, referenced, snapshots }: Entry) => {
        const newest = snapshots.at(-1);
        return [name, { referenced, dirty: newest ? referenced - newest.referenced : 0 }] as const;
      };
      return new Map(below(root).map(sizeOf));
    },
    async create(name, properties) {
      assign(add(name, undefined, EMPTY_BYTES), { canmount: 'noauto', ...properties });
    },
    async destroy(name) {
      entry(name);
      const clones = [...entries.values()].filter(({ origin }) => origin?.startsWith(`${name}@`));
      if (below(name).length > 1 || clones.length > 0) {
        const message = `${name} can not be destroyed: other datasets depend on it.`;
        throw new DmError('zfs', 'DATASET_HAS_DEPENDENTS', message);
      }
      refuseBusy(name);
      entries.delete(name);
    },
    async set(name, properties) {
      for (const [property, value] of Object.entries(properties)) assignment(property, value);
      if (name.includes('@')) Object.assign(snapshotAt(name).properties, properties);
      else assign(entry(name), properties);
    },
    async inherit(name, properties) {
      const from = name.includes('@') ? snapshotAt(name) : entry(name);
      for (const property of properties) delete from.properties[property];
    },
    async get(name, properties) {
      const { guid, origin = '-', mounted, mountpoint, native, referenced } = entry(name);
      const values: Record<string, string> = {
        ...native,
        ...{ guid, origin, mountpoint, mounted: mounted ? 'yes' : 'no', referenced: String(referenced) },
      };
      return Object.fromEntries(properties.map(property => [property, values[property] ?? '-']));
    },
    async snapshot(name, id, properties = {}) {
      dataset(`${name}@${id}`);
      const owner = entry(name);
      if (owner.snapshots.some(snapshot => snapshot.id === id)) {
        throw new DmError('zfs', 'DATASET_EXISTS', `${name}@${id} exists already.`);
      }
      for (const [property, value] of Object.entries(properties)) assignment(property, value);
      const made = {
        filesystem: name,
        id,
        guid: nextGuid(),
        createtxg: clock,
        tags: '',
        properties: { ...properties },
      };
      owner.snapshots.push({ ...made, referenced: owner.referenced });
    },
    async clone(snapshot, name, properties) {
      assign(add(name, snapshot, snapshotAt(snapshot).referenced), { canmount: 'noauto', ...properties });
    },
    async rollback(name, id) {
      const { snapshots } = entry(name);
      const at = snapshots.findIndex(each => each.id === id);
      const target = snapshots[at];
      if (!target) throw new DmError('zfs', 'DATASET_MISSING', `There is no ${name}@${id}.`);
      const later = snapshots.slice(at + 1).map(each => `${name}@${each.id}`);
      if ([...entries.values()].some(({ origin }) => origin !== undefined && later.includes(origin))) {
        throw new DmError('zfs', 'DATASET_HAS_DEPENDENTS', `Clones depend on snapshots of ${name}.`);
      }
      snapshots.splice(at + 1);
      entry(name).referenced = target.referenced;
    },
    async settle(root) {
      entry(root);
    },
    async mount(name) {
      entry(name).mounted = true;
    },
    async unmount(name) {
      if (!entry(name).mounted) return;
      refuseBusy(name);
      entry(name).mounted = false;
    },
    async mountSnapshot(mount) {
      const [filesystem = '', id] = mount.snapshot.split('@');
      if (!entry(filesystem).snapshots.some(snapshot => snapshot.id === id)) {
        throw new DmError('zfs', 'DATASET_MISSING', `There is no ${mount.snapshot}.`);
      }
      mounted.set(mount.mountpoint, mount);
    },
    async unmountSnapshot({ mountpoint }) {
      mounted.delete(mountpoint);
    },
    snapshotMounts: async root =>
      [...mounted.values()].filter(({ snapshot }) => snapshot.startsWith(`${root}/`)),
    diff: () => Promise.reject(new DmError('zfs', 'ZFS_FAILED', 'This ZFS has no files to compare.')),
    async copy(source, { first, last }, target) {
      const { snapshots } = entry(source);
      const from = snapshots.findIndex(({ id }) => id === first);
      const to = snapshots.findIndex(({ id }) => id === last);
      if (from === -1 || to < from)
        throw new DmError('zfs', 'DATASET_MISSING', `There is no ${source}@${last}.`);
      const copied = snapshots.slice(from, to + 1);
      const made = add(target, undefined, copied.at(-1)?.referenced ?? 0);
      made.snapshots = copied.map(each => ({
        ...each,
        filesystem: target,
        createtxg: ++clock,
        properties: {},
      }));
    },
    async rename(name, newName) {
      const old = entry(name);
      if (entries.has(newName)) throw new DmError('zfs', 'DATASET_EXISTS', `${newName} exists already.`);
      entries.delete(name);
      const snapshots = old.snapshots.map(each => ({ ...each, filesystem: newName }));
      entries.set(newName, { ...old, name: newName, snapshots });
    },
    write(name, bytes) {
      entry(name).referenced += bytes;
    },
    setBusy(name, busy) {
      entry(name).busy = busy;
    },
  };
}

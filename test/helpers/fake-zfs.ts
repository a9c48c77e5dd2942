/** ZFS for the unit tests of the workshop: real directories, no pool; what a test needs to break, it can break. */

import { cp, mkdir, rm } from 'node:fs/promises';
import { DmError } from '../../src/lib/errors.ts';
import { TAGS } from '../../src/model/layout.ts';
import type { Filesystem, Pools, Size, Snapshot, SnapshotMount, Zfs } from '../../src/zfs/index.ts';

export interface FakeZfs {
  zfs: Zfs;
  pools: Pools;
  datasets: Map<string, Filesystem>;
  taken: Snapshot[];
  /** Mounted snapshots by mountpoint. */
  views: Map<string, SnapshotMount>;
  /** Commands since the last reset, in order. */
  commands: string[];
  /** What the next command of this name throws. */
  fail: Map<string, DmError>;
  /** Adds a filesystem behind the server's back. */
  add(name: string, more?: Partial<Filesystem>): void;
  addSnapshot(filesystem: string, id: string, createtxg: number): void;
  /** Takes a filesystem and its snapshots away behind the server's back. */
  drop(name: string): void;
}

const capabilities = {
  description: 'fake',
  written: true,
  poolComment: true,
  resume: true,
  multihost: false,
  expand: true,
  diff: false,
  snapshotMounts: true,
  userSpace: false,
};

export function createFakeZfs(pool = 'tank'): FakeZfs {
  const datasets = new Map<string, Filesystem>();
  const taken: Snapshot[] = [];
  const commands: string[] = [];
  const views = new Map<string, SnapshotMount>();
  const fail = new Map<string, DmError>();
  let guid = 1000n;
  let txg = 100;

  /** Where the files of a snapshot are kept, by its name; of a clone until it is mounted, by the clone's. */
  const files = new Map<string, string>();

  const failure = (code: string, name: string) => new DmError('zfs', code, `${name}: ${code}`);
  function command(verb: string, name: string): void {
    commands.push(`${verb} ${name}`);
    const planned = fail.get(verb);
    if (!planned) return;
    fail.delete(verb);
    throw planned;
  }
  function find(name: string): Filesystem {
    const found = datasets.get(name);
    if (!found) throw failure('DATASET_MISSING', name);
    return found;
  }
  function findSnapshot(name: string): Snapshot {
    const found = taken.find(({ filesystem, id }) => `${filesystem}@${id}` === name);
    if (!found) throw failure('DATASET_MISSING', name);
    return found;
  }
  const isOrigin = (name: string) => [...datasets.values()].some(other => other.origin?.startsWith(name));
  const below = (root: string, name: string) => name === root || name.startsWith(`${root}/`);
  function drop(name: string): void {
    datasets.delete(name);
    for (let at = taken.length - 1; at >= 0; at--) if (taken[at]?.filesystem === name) taken.splice(at, 1);
  }
  const add: FakeZfs['add'] = (name, more) => {
    guid++;
    datasets.set(name, {
      name,
      guid: String(guid),
      origin: undefined,
      mounted: false,
      mountpoint: 'legacy',
      properties: {},
      ...more,
    });
  };
  function setAll(filesystem: Filesystem, properties: Record<string, string>): void {
    for (const [key, value] of Object.entries(properties)) {
      if (key === 'mountpoint') filesystem.mountpoint = value;
      else if (key.includes(':')) filesystem.properties[key] = value;
    }
  }

  function filesystems(root: string): Filesystem[] {
    const found = [...datasets.values()].filter(({ name }) => below(root, name));
    return found
      .map(one => ({ ...one, properties: { ...one.properties } }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  const snapshots = (root: string) => taken.filter(({ filesystem }) => below(root, filesystem));

  const zfs: Zfs = {
    capabilities,
    async filesystems(root) {
      command('filesystems', root);
      return filesystems(root);
    },
    async snapshots(root) {
      command('snapshots', root);
      return snapshots(root);
    },
    async everything(root) {
      command('everything', root);
      return { filesystems: filesystems(root), snapshots: snapshots(root) };
    },
    async sizes(root) {
      command('sizes', root);
      const found = [...datasets.keys()].filter(name => below(root, name));
      return new Map(found.map((name): [string, Size] => [name, { referenced: 4096, dirty: 512 }]));
    },
    async create(name, properties) {
      command('create', name);
      if (datasets.has(name)) throw failure('DATASET_EXISTS', name);
      add(name);
      setAll(find(name), properties);
    },
    async destroy(name) {
      command('destroy', name);
      const { mountpoint } = find(name);
      if (isOrigin(`${name}@`)) throw failure('DATASET_HAS_DEPENDENTS', name);
      drop(name);
      await rm(mountpoint, { recursive: true, force: true });
    },
    async set(name, properties) {
      command('set', name);
      if (name.includes('@')) findSnapshot(name).tags = properties[TAGS] ?? findSnapshot(name).tags;
      else setAll(find(name), properties);
    },
    async inherit(name, properties) {
      command('inherit', name);
      if (name.includes('@')) findSnapshot(name).tags = '';
      else for (const property of properties) delete find(name).properties[property];
    },
    get: async (name, properties) => {
      const { guid } = find(name);
      return Object.fromEntries(properties.map(property => [property, property === 'guid' ? guid : '-']));
    },
    async snapshot(name, id) {
      command('snapshot', name);
      const { mountpoint, mounted } = find(name);
      if (taken.some(one => one.filesystem === name && one.id === id)) throw failure('DATASET_EXISTS', name);
      txg++;
      addSnapshot(name, id, txg);
      if (!mounted) return;
      files.set(`${name}@${id}`, `${mountpoint}.at-${id}`);
      await cp(mountpoint, `${mountpoint}.at-${id}`, { recursive: true });
    },
    async clone(snapshot, name, properties) {
      command('clone', name);
      findSnapshot(snapshot);
      if (datasets.has(name)) throw failure('DATASET_EXISTS', name);
      add(name, { origin: snapshot });
      setAll(find(name), properties);
      const from = files.get(snapshot);
      if (from !== undefined) files.set(name, from);
    },
    async rollback(name, id) {
      command('rollback', name);
      const { createtxg } = findSnapshot(`${name}@${id}`);
      const later = taken.filter(one => one.filesystem === name && one.createtxg > createtxg);
      if (later.some(one => isOrigin(`${name}@${one.id}`))) throw failure('DATASET_HAS_DEPENDENTS', name);
      for (const one of later) taken.splice(taken.indexOf(one), 1);
      const from = files.get(`${name}@${id}`);
      const { mountpoint } = find(name);
      if (from === undefined) return;
      await rm(mountpoint, { recursive: true, force: true });
      await cp(from, mountpoint, { recursive: true });
    },
    async settle(root) {
      command('settle', root);
    },
    async mount(name) {
      command('mount', name);
      const filesystem = find(name);
      await mkdir(filesystem.mountpoint, { recursive: true });
      filesystem.mounted = true;
      const from = files.get(name);
      if (from !== undefined) await cp(from, filesystem.mountpoint, { recursive: true });
      files.delete(name);
    },
    async unmount(name) {
      command('unmount', name);
      find(name).mounted = false;
    },
    async mountSnapshot(mount) {
      command('mountSnapshot', mount.snapshot);
      await mkdir(mount.mountpoint, { recursive: true });
      views.set(mount.mountpoint, mount);
    },
    async unmountSnapshot(mount) {
      command('unmountSnapshot', mount.snapshot);
      views.delete(mount.mountpoint);
    },
    snapshotMounts: async () => [...views.values()],
    diff: () => Promise.reject(failure('ZFS_FAILED', 'diff')),
    async copy(source, _snapshots, target) {
      command('copy', target);
      add(target);
      const copied = taken.filter(({ filesystem }) => filesystem === source);
      for (const each of copied) taken.push({ ...each, filesystem: target });
    },
    async rename(name, newName) {
      command('rename', newName);
      const old = find(name);
      datasets.delete(name);
      datasets.set(newName, { ...old, name: newName });
      for (const each of taken) if (each.filesystem === name) each.filesystem = newName;
    },
  };

  const refuse = () => Promise.reject(new Error('no test of the workshop comes here'));
  const pools: Pools = {
    capabilities,
    list: async () => [
      { name: pool, guid: '7', health: 'ONLINE', sizeBytes: 1000, freeBytes: 750, readonly: false },
    ],
    devices: refuse,
    importable: refuse,
    labels: refuse,
    create: refuse,
    import: refuse,
    export: refuse,
    set: refuse,
    expand: refuse,
  };
  add(pool, { guid: '3735928559' });
  const addSnapshot: FakeZfs['addSnapshot'] = (filesystem, id, createtxg) => {
    guid++;
    taken.push({ filesystem, id, guid: String(guid), createtxg, tags: '', properties: {} });
  };
  return { zfs, pools, datasets, taken, views, commands, fail, add, addSnapshot, drop };
}

/**
 * The index in etcd: keys and values as the original has them (§5.2), written from ZFS and the state, read
 * to adopt.
 */

import type { Change, KeyValue } from '../etcd/index.ts';
import { nameFault } from '../model/names.ts';
import type { Entry } from './registry.ts';
import { isMount, member, type State, type StoredMount, type StoredUser } from './state.ts';
import { readIndexUser, writeIndexUser } from './user-record.ts';

export const PREFIX = 'dotmesh.io/';
const DOTS = `${PREFIX}registry/filesystems/`;
const BRANCHES = `${PREFIX}registry/clones/`;
const MASTERS = `${PREFIX}filesystems/masters/`;
const DELETED = `${PREFIX}filesystems/deleted/`;
const USERS = `${PREFIX}users/users/`;
const USER_NAMES = `${PREFIX}users/nameidx/`;
/** Where the records of a backup stand. */
export const KEYS = { dots: DOTS, branches: BRANCHES, masters: MASTERS, users: USERS } as const;
/** Ours, by node: mounts are of one machine's pool. */
const MOUNTS = `${PREFIX}dm-linuxkit/mounts/`;

/** What the index should hold of one filesystem. */
export function entryValues(entry: Entry, collaborators: readonly string[], nodeId: string): KeyValue[] {
  const master = {
    key: `${MASTERS}${entry.id}`,
    value: JSON.stringify({ filesystem_id: entry.id, node_id: nodeId }),
  };
  if (entry.branch !== '') {
    const clone = {
      TopLevelFilesystemId: entry.dot,
      FilesystemId: entry.id,
      Name: entry.branch,
      Origin: {
        FilesystemId: entry.origin?.filesystemId ?? '',
        SnapshotId: entry.origin?.snapshotId ?? '',
      },
    };
    return [{ key: `${BRANCHES}${entry.dot}/${entry.branch}`, value: JSON.stringify(clone) }, master];
  }
  const dot = {
    Id: entry.id,
    OwnerId: entry.namespace,
    Name: entry.name,
    ...(entry.fork ? { ForkParentId: entry.fork.id, ForkParentSnapshotId: entry.fork.commit } : {}),
    CollaboratorIds: collaborators.length > 0 ? collaborators : null,
  };
  return [{ key: `${DOTS}${entry.namespace}/${entry.name}`, value: JSON.stringify(dot) }, master];
}

export function userValues(user: StoredUser): KeyValue[] {
  return [
    { key: `${USERS}${user.id}`, value: JSON.stringify(writeIndexUser(user)) },
    {
      key: `${USER_NAMES}${user.name}`,
      value: JSON.stringify({ prefix: 'users', name: user.name, id: user.id }),
    },
  ];
}

export function mountKey(nodeId: string, mountpoint: string): string {
  return `${MOUNTS}${nodeId}/${encodeURIComponent(mountpoint)}`;
}

export function mountValue(nodeId: string, mountpoint: string, mount: StoredMount): KeyValue {
  return { key: mountKey(nodeId, mountpoint), value: JSON.stringify({ ...mount, mountpoint }) };
}

/** The mounts that the index has of this node. */
export function readMounts(values: readonly KeyValue[], nodeId: string): Record<string, StoredMount> {
  const mounts = values
    .filter(({ key }) => key.startsWith(`${MOUNTS}${nodeId}/`))
    .flatMap(({ value }) => {
      const { mountpoint, ...mount } = parse(value);
      return isText(mountpoint) && isMount(mount) ? [[mountpoint, mount] as const] : [];
    });
  return Object.fromEntries(mounts);
}

/** Everything that the index should hold. */
export function allValues(entries: readonly Entry[], state: State, nodeId: string): KeyValue[] {
  const ofEntries = entries.flatMap(entry =>
    entryValues(entry, entry.branch === '' ? (member(state.collaborators, entry.id) ?? []) : [], nodeId),
  );
  const mounts = Object.entries(state.mounts).map(([path, mount]) => mountValue(nodeId, path, mount));
  return [...ofEntries, ...state.users.flatMap(userValues), ...mounts];
}

export interface IndexedDot {
  namespace: string;
  name: string;
  id: string;
  fork: { id: string; commit: string } | undefined;
  collaborators: string[];
}

export interface Index {
  dots: IndexedDot[];
  branches: { dot: string; branch: string; id: string }[];
  /** Filesystem id → node id. */
  masters: Map<string, string>;
  /** Ids that a server of the original was told to delete. */
  deleted: Set<string>;
  users: StoredUser[];
}

/** Reads what can be read; a record that is damaged, or whose names are not allowed, is as good as none. */
export function readIndex(values: readonly KeyValue[]): Index {
  const index: Index = { dots: [], branches: [], masters: new Map(), deleted: new Set(), users: [] };
  for (const { key, value } of values) {
    const record = parse(value);
    if (key.startsWith(DELETED)) index.deleted.add(key.slice(DELETED.length));
    else if (key.startsWith(DOTS)) readDot(index, key.slice(DOTS.length), record);
    else if (key.startsWith(BRANCHES)) readBranch(index, key.slice(BRANCHES.length), record);
    else if (key.startsWith(MASTERS)) index.masters.set(key.slice(MASTERS.length), String(record.node_id));
    else if (key.startsWith(USERS)) {
      const user = readIndexUser(record);
      if (user) index.users.push(user);
    }
  }
  return index;
}

function readDot(index: Index, path: string, record: Record<string, unknown>): void {
  const [namespace = '', name = '', more] = path.split('/');
  const { Id: id, ForkParentId: parent, ForkParentSnapshotId: commit, CollaboratorIds: people } = record;
  if (more !== undefined || nameFault('namespace', namespace) || nameFault('dot', name)) return;
  if (!isText(id)) return;
  const fork = isText(parent) && isText(commit) ? { id: parent, commit } : undefined;
  const collaborators = Array.isArray(people) ? people.filter(isText) : [];
  index.dots.push({ namespace, name, id, fork, collaborators });
}

function readBranch(index: Index, path: string, { FilesystemId: id }: Record<string, unknown>): void {
  const [dot = '', branch = '', more] = path.split('/');
  if (more !== undefined || dot === '' || branch === '' || nameFault('branch', branch) || !isText(id)) return;
  index.branches.push({ dot, branch, id });
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * The changes that make the index what it should be. Records that name another node's filesystem (an etcd
 * shared with other servers) are left alone, and so is every kind of record that we do not write.
 */
export function difference(
  desired: readonly KeyValue[],
  actual: readonly KeyValue[],
  nodeId: string,
): Change[] {
  const { masters, users } = readIndex(actual);
  const wanted = new Map(desired.map(({ key, value }) => [key, value]));
  const there = new Map(actual.map(({ key, value }) => [key, value]));
  const isForeign = (key: string, value: string) => {
    const id = key.startsWith(MASTERS) ? key.slice(MASTERS.length) : recordId(key, value);
    const node = id === undefined ? undefined : masters.get(id);
    return node !== undefined && node !== nodeId;
  };
  // No user is ever taken away by us: one that we do not know was registered by another server.
  const ids = new Set(users.map(({ id }) => id));
  const isOfUser = (key: string, value: string) =>
    (key.startsWith(USERS) && ids.has(key.slice(USERS.length))) ||
    (key.startsWith(USER_NAMES) && ids.has(String(parse(value).id)));
  const deletes = actual
    .filter(
      ({ key, value }) =>
        isOurs(key, nodeId) && !isOfUser(key, value) && !wanted.has(key) && !isForeign(key, value),
    )
    .map(({ key }): Change => ({ delete: key }));
  const puts = desired.filter(({ key, value }) => {
    const old = there.get(key);
    return old !== value && (old === undefined || !isForeign(key, old));
  });
  return [...deletes, ...puts.map((put): Change => ({ put }))];
}

function isOurs(key: string, nodeId: string): boolean {
  return [DOTS, BRANCHES, MASTERS, USERS, USER_NAMES, `${MOUNTS}${nodeId}/`].some(prefix =>
    key.startsWith(prefix),
  );
}

function recordId(key: string, value: string): string | undefined {
  const { Id, FilesystemId } = parse(value);
  if (key.startsWith(DOTS)) return isText(Id) ? Id : undefined;
  return key.startsWith(BRANCHES) && isText(FilesystemId) ? FilesystemId : undefined;
}

/** Where things are: datasets in the pool, user properties on them, directories on the machine. Wire reference §4. */

export const DEFAULT_POOL = 'dotmesh-pool';
/** Value of the pool property `comment` and of `PROPERTY.pool` on the root dataset: this pool is ours. */
export const POOL_MARK = 'dm-linuxkit';

export const dotsRoot = (pool: string): string => `${pool}/dmfs`;
export const dotDataset = (pool: string, id: string): string => `${pool}/dmfs/${id}`;
/** etcd's data, the server's state.json and generated secrets: with a reservation, so that a full pool can be emptied. */
export const etcdDataset = (pool: string): string => `${pool}/dotmesh-etcd`;

/** What a start takes away: clones that stand for mounted commits, and copies that were not finished. */
export const viewsRoot = (pool: string): string => `${pool}/dm-views`;
export const incomingRoot = (pool: string): string => `${pool}/dm-incoming`;

/** User properties, source `local`, that let the registry be rebuilt from ZFS alone. */
export const PROPERTY = {
  /** On the pool's root dataset. */
  pool: 'dm-linuxkit:pool',
  /** On each filesystem below dmfs. */
  namespace: 'dm-linuxkit:namespace',
  name: 'dm-linuxkit:name',
  /** Branch name; absent on master. */
  branch: 'dm-linuxkit:branch',
  /** Id of the dot (of its master's filesystem). */
  dot: 'dm-linuxkit:dot',
  /** `<id>@<commit>` of the dot that this one was forked from; absent on others. On master. */
  fork: 'dm-linuxkit:fork',
  /** `true` from the moment a deletion is decided, of a dot (on master) or of one branch: what was cut is finished. */
  deleting: 'dm-linuxkit:deleting',
  /** `<namespace>/<name>` from the moment a renaming is decided until both properties say so. On master. */
  renaming: 'dm-linuxkit:renaming',
  /** Id of the commit to which a rollback was decided, until it is done. */
  rollback: 'dm-linuxkit:rollback',
} as const;
/** User property of a snapshot: its tags (model/tags.ts). */
export const TAGS = 'dm-linuxkit:tags';

/** Beside the mounts, on the machine: sockets, run files, locks. Private, tmpfs where the machine has one. */
export const RUN_DIRECTORY = '/run/dotmesh';
/** Defaults of MOUNT_PREFIX and CONTAINER_MOUNT_PREFIX, as the original dm-linuxkit sets them. */
export const MOUNT_PREFIX = '/var/dotmesh/mnt';
export const CONTAINER_MOUNT_PREFIX = '/var/dotmesh/container_mnt';
export const dotMountpoint = (prefix: string, id: string): string => `${prefix}/dmfs/${id}`;
export const etcdMountpoint = (prefix: string, pool: string): string => `${prefix}/dotmesh-etcd/${pool}`;

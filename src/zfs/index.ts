/**
 * What the product needs from ZFS: the contract. `command-line.ts` keeps it with the `zfs` and `zpool` commands,
 * `memory.ts` for unit tests of the layers above; one contract test runs against both.
 *
 * Dataset names are full (`pool/dmfs/id`), snapshots `pool/dmfs/id@commit`. Sizes are bytes (number). Guids are
 * decimal strings: they do not fit a number. Every command has a deadline.
 *
 * Errors (DmError, kind `zfs` unless said otherwise):
 *   DATASET_MISSING  no such dataset or snapshot      DATASET_EXISTS   the name is taken
 *   DATASET_BUSY     in use; data.users names them    NO_SPACE         the pool or a quota is full
 *   DATASET_HAS_DEPENDENTS    clones of its snapshots, or filesystems in it
 *   POOL_MISSING (kind pool)  no such pool            ZFS_DENIED       not root
 *   ZFS_MISSING      no zfs command, or nothing answers behind it (no module, no zfs-fuse)
 *   ZFS_HUNG         no answer within the deadline    MOUNTPOINT_TAKEN the mountpoint holds files
 *   ZFS_FAILED       anything else; the message is ZFS's own
 */

/** What this ZFS can do, found by asking once. Code asks these, never "which ZFS is this". */
export interface Capabilities {
  /** For people: `OpenZFS 2.1.11` or `zfs-fuse 0.7.0`. */
  description: string;
  /** `written` and `written@snap`, `zfs list -p`, `zpool list -p`, `zpool get -H`. */
  written: boolean;
  /** `zpool create/set -o comment` and `comment` in the labels. */
  poolComment: boolean;
  /** `zfs recv -s` and `zfs send -t`. */
  resume: boolean;
  /** A pool may be watched by ZFS itself for use by another host (`multihost`). */
  multihost: boolean;
  /** `zpool online -e`, `autoexpand`. */
  expand: boolean;
  /** `zfs diff`. */
  diff: boolean;
  /** `mount -t zfs pool/fs@snapshot`. */
  snapshotMounts: boolean;
  /** Devices: zfs-fuse runs in user space and its pools die with its daemon. */
  userSpace: boolean;
}

export interface Filesystem {
  name: string;
  guid: string;
  /** The snapshot that it was cloned from, `pool/fs@snap`. */
  origin: string | undefined;
  /** As a whole, where this process sees it; bind mounts of its directories do not count. */
  mounted: boolean;
  mountpoint: string;
  /** Those of PROPERTY (model/layout.ts) whose source is `local`, by whole name: what came in a stream is no truth. */
  properties: Record<string, string>;
}

export interface Snapshot {
  /** `pool/fs` */
  filesystem: string;
  /** What stands after the @. */
  id: string;
  guid: string;
  /** Order of creation in the pool; rises. */
  createtxg: number;
  /** Value of TAGS (model/layout.ts) when its source is `local`; '' when there is none. */
  tags: string;
  /** With `metadata`: user properties whose source is local or received (wire reference §4.2); else {}. */
  properties: Record<string, string>;
}

export interface SnapshotOptions {
  /** Of `root` alone. */
  depth?: 0;
  /** Reads their user properties as well, of at most 64 different names, the commonest; takes several times as long. */
  metadata?: boolean;
}

export interface Everything {
  filesystems: Filesystem[];
  snapshots: Snapshot[];
}

export interface Size {
  /** Bytes that the filesystem refers to. */
  referenced: number;
  /** Bytes written since its newest snapshot (0 when there is none); an estimate where ZFS can not tell. */
  dirty: number;
}

/** The files of a snapshot at a directory. */
export interface SnapshotMount {
  /** `pool/fs@id` */
  snapshot: string;
  /** Made when it is not there. */
  mountpoint: string;
  /** Name of the read-only clone that serves where snapshots can't be mounted; its parent is made too. */
  clone: string;
}

/** One line of `zfs diff`. Paths are absolute, by the filesystem's mountpoint, one character per byte (latin1). */
export interface DiffRow {
  /** `+`, `-`, `M` or `R` */
  change: string;
  isFolder: boolean;
  path: string;
  /** With `R`: its path before. */
  from?: string;
}

export interface Zfs {
  readonly capabilities: Capabilities;
  /** All filesystems below and including `root`, parents first; [] when `root` does not exist. One command in all. */
  filesystems(root: string): Promise<Filesystem[]>;
  /** Snapshots of everything below `root` (or of one filesystem with `depth: 0`), oldest first per filesystem. */
  snapshots(root: string, options?: SnapshotOptions): Promise<Snapshot[]>;
  /** `filesystems` and `snapshots` (without metadata), for the price of one of them. */
  everything(root: string): Promise<Everything>;
  /** Sizes of all filesystems below `root`, by full name, with a fixed number of commands. */
  sizes(root: string): Promise<Map<string, Size>>;
  /** Creates a filesystem that does not mount by itself (`canmount=noauto`). Properties may be native or user ones. */
  create(name: string, properties: Record<string, string>): Promise<void>;
  /** Destroys a filesystem with its snapshots (not its clones). A short "busy" after an unmount is waited out. */
  destroy(name: string): Promise<void>;
  /** Of a filesystem, or user properties of a snapshot. */
  set(name: string, properties: Record<string, string>): Promise<void>;
  /** Takes user properties away. */
  inherit(name: string, properties: readonly string[]): Promise<void>;
  /** Native properties by name, `-p` values. */
  get(name: string, properties: readonly string[]): Promise<Record<string, string>>;
  /** Holds all that was written before the call; on disk with it when it resolves. */
  snapshot(name: string, id: string, properties?: Record<string, string>): Promise<void>;
  /** A filesystem from a snapshot `pool/fs@id`, with its properties in one step; does not mount by itself. */
  clone(snapshot: string, name: string, properties: Record<string, string>): Promise<void>;
  /**
   * Takes the filesystem back to its own snapshot `id`; later ones are destroyed. It may stay mounted.
   * @throws DmError DATASET_HAS_DEPENDENTS when a later one has clones: then nothing has changed
   */
  rollback(name: string, id: string): Promise<void>;
  /** What was written so far counts in `sizes` when it resolves; `root` is a filesystem of ours in the pool. */
  settle(root: string): Promise<void>;
  /** Mounts at its `mountpoint`; nothing happens when it is mounted. One mount at a time on the machine. */
  mount(name: string): Promise<void>;
  /** Nothing happens when it is not mounted. Throws DATASET_BUSY with the users of its files where they can be seen. */
  unmount(name: string): Promise<void>;
  /** Makes the files of a snapshot appear, read-only; nothing happens when they do. */
  mountSnapshot(mount: SnapshotMount): Promise<void>;
  /** Takes them away with clone and directory; nothing happens when they are not there. Throws DATASET_BUSY. */
  unmountSnapshot(mount: SnapshotMount): Promise<void>;
  /** All such mounts of snapshots below `root`, with clones below `clones`: also those of an earlier process. */
  snapshotMounts(root: string, clones: string): Promise<SnapshotMount[]>;
  /**
   * With capability `diff`: what changed from a snapshot to a later one of the same filesystem or a clone of it, or to
   * the filesystem `to` as it is now. `to` has to be mounted.
   */
  diff(from: string, to: string): Promise<DiffRow[]>;
  /**
   * Copies a filesystem with its snapshots from `first` to `last` into a new filesystem `target`, which stays
   * unmounted and has none of its properties. Takes as long as its data.
   */
  copy(source: string, snapshots: { first: string; last: string }, target: string): Promise<void>;
  /** Gives an unmounted filesystem another name in the pool, in one step. */
  rename(name: string, newName: string): Promise<void>;
}

export interface Pool {
  name: string;
  guid: string;
  /** ONLINE, DEGRADED, FAULTED, UNAVAIL, SUSPENDED… */
  health: string;
  sizeBytes: number;
  freeBytes: number;
  readonly: boolean;
}

/** One vdev label as `zdb -l` prints it; undefined members were not there. */
export interface Label {
  poolName: string;
  poolGuid: string;
  /** Of this device, and of the top-level vdev it belongs to. */
  guid: string;
  topGuid: string;
  txg: string;
  /** 0 active, 1 exported, 2 destroyed … (`pool_state_t`). */
  state: number;
  /** As hostid(1) prints it, like `hostId()` of system/host.ts: 8 hexadecimal digits. */
  hostId: string | undefined;
  hostName: string | undefined;
  comment: string | undefined;
  /** Top-level vdevs of the whole pool. */
  vdevChildren: number;
  /** Kind of this top-level vdev: `disk`, `file`, `mirror`, `raidz`… */
  topType?: string | undefined;
  /** Bytes that ZFS uses of this top-level vdev, as recorded; of the device itself when it is one alone. */
  sizeBytes?: number | undefined;
  /** Paths of the devices of this top-level vdev, as recorded. */
  paths: string[];
}

export interface Importable {
  name: string;
  guid: string;
  /** ONLINE, DEGRADED, UNAVAIL, FAULTED */
  state: string;
  /** What `zpool import` says in `status:` and `action:`, one line each. */
  status: string;
  action: string;
  /** Paths of its devices, with what is wrong with each (ONLINE when nothing is). */
  devices: { path: string; state: string }[];
}

export interface ImportOptions {
  /** Directories or devices to search. */
  from: readonly string[];
  /** By guid, since names may be double. */
  guid: string;
  /** Takes a pool that another host had (`-f`). Never set without proof that it is idle. */
  force?: boolean;
}

export interface Pools {
  readonly capabilities: Capabilities;
  list(): Promise<Pool[]>;
  /** Device paths of an imported pool with their states, leaves only, as `zpool status -P` (or -v) gives them. */
  devices(pool: string): Promise<{ path: string; state: string }[]>;
  /** Pools that could be imported from these directories or devices (`zpool import` without a name). Changes nothing. */
  importable(from: readonly string[]): Promise<Importable[]>;
  /** Reads the labels of one device or file; [] when it has none. Changes nothing. */
  labels(device: string): Promise<Label[]>;
  /**
   * `zpool create -m none` on blank devices; never with `-f`.
   * @throws DmError pool/POOL_CREATE_FAILED and device/DEVICE_IN_USE with ZFS's own words
   */
  create(
    name: string,
    devices: readonly string[],
    properties: { pool?: Record<string, string>; root?: Record<string, string> },
  ): Promise<void>;
  /**
   * Imports without mounting anything (`-N`), into no cache file: nobody else imports it at the next boot.
   * @throws DmError pool/POOL_FOREIGN (another host had it; data.hostName, data.hostId), pool/POOL_ACTIVE (multihost says
   *   it is in use now), pool/POOL_INCOMPLETE, pool/POOL_MISSING, pool/POOL_IMPORT_FAILED
   */
  import(name: string, options: ImportOptions): Promise<void>;
  /** @throws DmError pool/POOL_BUSY */
  export(name: string): Promise<void>;
  /** `zpool set` of a pool property. */
  set(name: string, property: string, value: string): Promise<void>;
  /** `zpool online -e`: uses what a device has grown. */
  expand(name: string, device: string): Promise<void>;
}

/**
 * The workshop: what a user can do with dots. The server's doors (RPC, sockets) call these and nothing below.
 * `workshop.ts` builds it from the adapters (Zfs, Etcd, a state directory); the start reconciles the three.
 *
 * Errors are DmErrors; where the original has a message for a case, it is that message (wire reference §2),
 * since clients and scripts search for it.
 */

import type { FileHandle } from 'node:fs/promises';
import type {
  BranchRef,
  BranchStatus,
  Checkout,
  Container,
  DotmeshVolume,
  DotRef,
  FileChange,
  HistoryCommit,
  Methods,
  PreparedMount,
  PrepareMountParams,
  RollbackLosses,
  SafeUser,
  Snapshot,
  TopLevelFilesystem,
} from '../wire/methods.ts';

export const ADMIN_ID = '00000000-0000-0000-0000-000000000000';

/** Who calls, and how that was proved. */
export interface Caller {
  user: SafeUser;
  by: 'apikey' | 'password' | 'socket';
  /** The key that an `apikey` caller came with: keys are stored hashed, so only the caller can tell it. */
  apiKey: string | undefined;
  /** The login as it was sent; undefined over the socket. */
  login?: string;
}

/** Who someone is, and the secrets that show it. */
export interface Logins {
  /**
   * `login` is a name, an e-mail or an id; `secret` an API key (compared first) or a password. Undefined when either
   * is wrong; takes the same time for an unknown user. scrypt runs at most twice at once.
   */
  authenticate(login: string, secret: string): Promise<Caller | undefined>;
  /** The caller on the UNIX socket. */
  admin(): Caller;
  /** A fresh key, stored hashed; this answer is the only place where it is seen. */
  resetApiKey(userId: string): Promise<string>;
  /** @throws DmError usage/PASSWORD_TOO_SHORT (under 7 bytes) */
  updatePassword(userId: string, password: string): Promise<SafeUser>;
  /**
   * A key or password from the machine's metadata: applied only when it differs from the one last applied,
   * so that a later reset survives reboots.
   */
  applyInitialSecrets(secrets: { apiKey?: string; password?: string }): Promise<void>;
}

/**
 * Users as the admin keeps them, in the original's words (§2.3): `User <name|email|id>=<x> not found`, `Invalid
 * username.`, `[RegistrationServer] Error creating user …`. The callers check that it is the admin who asks.
 */
export interface Accounts {
  /** With a password, and no key before `resetApiKey`. */
  register(user: { Name: string; Email: string; Password: string }): Promise<SafeUser>;
  setPassword(id: string, password: string): Promise<SafeUser>;
  setEmail(id: string, email: string): Promise<SafeUser>;
  setMetadata(id: string, field: string, value: string): Promise<SafeUser>;
  /** Nothing happens when there is no such field. */
  deleteMetadata(id: string, field: string): Promise<SafeUser>;
  byName(name: string): SafeUser;
  byEmail(email: string): SafeUser;
  /** By the metadata field `CustomerId`. */
  byCustomerId(customer: string): SafeUser;
  /** All, by name. */
  list(): SafeUser[];
}

export interface Users extends Logins, Accounts {}

/** Who else may read and write a dot. A caller who may not read it is told what is told of one that is not there. */
export interface Sharing {
  /**
   * `collaborator` is a name, an e-mail or an id; one who is there already stays.
   * @throws `Please add collaborators to the master branch of the dot`, `Not owner. Please ask the owner to add the
   *   collaborator.`, `User name=<x> not found`
   */
  add(caller: Caller, id: string, collaborator: string): Promise<void>;
  /** @throws the like, `You cannot remove yourself as a collaborator from a dot.`, `<name> is not a collaborator …` */
  remove(caller: Caller, id: string, collaborator: string): Promise<void>;
  /** Every dot that the caller may read, with its branches, its owner and who else may read it; by name. */
  dotsAndBranches(caller: Caller): Promise<TopLevelFilesystem[]>;
}

/** What ZFS does not hold, as the original backs it up. For the admin; the callers check that. */
export interface Backup {
  dump(): unknown;
  /**
   * `text` is a dump of ours or of the original's. Users are overwritten by id, collaborators of dots that are here
   * are set, and filesystems without a name get theirs; no dot is lost or renamed.
   * @throws `failed to unmarshal …`, `unsupported backup version …`, `got error while importing backup: [<errs>]`
   */
  restore(text: string): Promise<void>;
}

/** Commits read. A commit is found on the branch that is asked, or on those that it grew from. */
export interface Reading {
  /**
   * The directory where the commit is mounted, read-only (§4.3), until nobody uses it any more.
   * @throws `Cannot find commit with id <c> for filesystem <id>`
   */
  mountCommit(caller: Caller, id: string, commit: string): Promise<string>;
  /** `To` '' is now. Sorted by name. */
  diffCommits(caller: Caller, params: BranchRef & { From: string; To: string }): Promise<FileChange[]>;
  /** The original's: from the newest commit to now, in `__default__` (§7.6). */
  diffById(caller: Caller, id: string): Promise<FileChange[]>;
  /** The same by name; undefined when there is no commit. */
  diffLatest(caller: Caller, ref: BranchRef): Promise<FileChange[] | undefined>;
  status(caller: Caller, ref: BranchRef): Promise<BranchStatus>;
  /** Sorted. */
  subdots(caller: Caller, ref: BranchRef): Promise<string[]>;
  /** Of the newest commit, or of the newest file that changed since. */
  lastModified(caller: Caller, ref: DotRef): Promise<Date>;
}

/** How the file API commits: the id of the commit, which is on the disk. */
export type CommitFiles = (
  caller: Caller,
  params: BranchRef & { Message: string; Metadata: Record<string, string> },
) => Promise<string>;

export interface ListedFile {
  /** Relative to `__default__`. */
  key: string;
  size: number;
  /** Nanoseconds since 1970. */
  mtimeNs: bigint;
  isFolder: boolean;
}

export interface FoundFile {
  size: number;
  handle: FileHandle;
}
export interface FoundFolder {
  /** As a tar stream that begins with its own name. */
  archive(): AsyncIterable<Buffer>;
}

/**
 * Files in `__default__` by their keys (§7.5). No link is followed.
 * @throws dot/FILE_MISSING, usage/INVALID_KEY, names, E-nofs, E-nobranch, dot/COMMIT_MISSING
 */
export interface Files {
  /** `commit` undefined is the newest. @throws dot/NO_COMMITS */
  list(
    caller: Caller,
    ref: BranchRef,
    which: { commit: string | undefined; prefix: string; recursive: boolean; directories: boolean },
    visit: (file: ListedFile) => void,
  ): Promise<void>;
  /** `use` is called once; what it gets can be read until it ends. The key '' is `__default__` itself. */
  read(
    caller: Caller,
    ref: BranchRef,
    commit: string,
    key: string,
    use: (found: FoundFile | FoundFolder) => Promise<void>,
  ): Promise<void>;
  /** The file is there as a whole or not at all. @returns id of the commit with it */
  put(caller: Caller, ref: BranchRef, key: string, body: AsyncIterable<Buffer>): Promise<string>;
  /**
   * The directory at `key` becomes what a tar stream holds, as a whole or not at all.
   * @throws usage/BAD_ARCHIVE: it is damaged, or holds links or `..`
   */
  putArchive(caller: Caller, ref: BranchRef, key: string, body: AsyncIterable<Buffer>): Promise<string>;
  /** A file, or a directory with all in it. @returns id of the commit without it */
  remove(caller: Caller, ref: BranchRef, key: string): Promise<string>;
}

export interface Dots {
  /** Master branches that the caller may read (admin, owner, collaborator), with sizes at most a few seconds old. */
  list(caller: Caller): Promise<DotmeshVolume[]>;
  /** @throws `No known filesystem with id <id>`, `Permission denied.` */
  get(caller: Caller, id: string): Promise<DotmeshVolume>;
  /** @throws names (§3.3), `No such filesystem named '<ns>/<name>'`, branch errors (§2 E-nobranch) */
  lookup(caller: Caller, ref: BranchRef): string;
  /** '' when there is none, or none that the caller may read. @throws names */
  exists(caller: Caller, ref: BranchRef): string;
  /**
   * The original's Create (§2.1): dataset, `__default__`, initial commit. What a cut left half made is finished.
   * @throws names, `A volume called <ns>/<name> already exists with id <id>`, `Unable to locate owner <ns>.`, no space
   */
  create(caller: Caller, ref: DotRef): Promise<string>;
  /** All branches, leaves first, then the dot. @throws E-nofs, `You are not the owner of volume …`, in use (names who) */
  delete(caller: Caller, ref: DotRef): Promise<void>;
  /**
   * The original's Fork (§2.1): a dot of its own with all commits of another's master. The new dot's id.
   * @throws names, `A volume called … already exists with id <id>`, `Unable to find user-facing filesystemName, …`
   */
  fork(caller: Caller, id: string, ref: DotRef): Promise<string>;
  /** §2.1 Procure: path under CONTAINER_MOUNT_PREFIX, creating what is missing. `name` may be `name@branch`. */
  procure(caller: Caller, ref: DotRef & { Subdot: string }): Promise<string>;
  /**
   * The dot's mounts on this machine show this branch from now on, over reboots too; those that are pinned stay.
   * @throws not admin, names, E-nofs, E-nobranch, in use (names who): every mount as it was
   */
  checkOut(caller: Caller, ref: BranchRef & { Force: boolean }): Promise<Checkout>;
  prepareMount(params: PrepareMountParams): Promise<PreparedMount>;
  mounts(): Promise<PreparedMount[]>;
  forgetMount(mountpoint: string): Promise<void>;
}

type Params<M extends keyof Methods> = Methods[M]['params'];

/**
 * Commits of dots; for the owner, collaborators and the admin. All throw names (§3.3), E-nofs, E-nobranch, `Permission
 * denied.`; a commit that is not there is `Cannot find commit with id <c> for filesystem <id>`.
 */
export interface Commits {
  /**
   * The id of a new commit, which is on the disk with its metadata.
   * @throws usage/INVALID_METADATA, dot/COMMIT_EXISTS (the #commit-id is taken), zfs/NO_SPACE (nothing is left of it)
   */
  commit(caller: Caller, params: Params<'Commit'>): Promise<string>;
  /** Those made on the branch itself, oldest first. */
  list(caller: Caller, ref: BranchRef): Promise<Snapshot[]>;
  /** @throws `No such filesystem id <id>` */
  listById(caller: Caller, id: string): Promise<Snapshot[]>;
  /** With those that the branch inherits before them. */
  history(caller: Caller, ref: BranchRef): Promise<HistoryCommit[]>;
  /** @throws usage/INVALID_NAME, usage/TOO_MANY_TAGS */
  tag(caller: Caller, params: Params<'Tag'>): Promise<void>;
  /** @throws dot/TAG_MISSING */
  untag(caller: Caller, params: Params<'Untag'>): Promise<void>;
  previewRollback(caller: Caller, params: Params<'PreviewRollback'>): Promise<RollbackLosses>;
  /**
   * @throws dot/DOT_IN_USE (data.users), dot/COMMIT_INHERITED, dot/LOSSES (IfNothingLost; data.losses), dot/BRANCH_IN_USE (a
   *   branch that would go is)
   */
  rollback(caller: Caller, params: Params<'Rollback'>): Promise<void>;
}

/** Branches of dots. Errors as with commits. */
export interface Branches {
  /** Sorted, without master. */
  list(caller: Caller, ref: DotRef): string[];
  /** @throws dot/BRANCH_EXISTS, names */
  create(caller: Caller, params: Params<'Branch'>): Promise<void>;
  /** For the owner. @throws dot/BRANCH_HAS_BRANCHES, dot/DOT_IN_USE, `You are not the owner …` */
  delete(caller: Caller, ref: BranchRef): Promise<void>;
  rename(caller: Caller, params: Params<'RenameBranch'>): Promise<void>;
  /** For the owner of both namespaces. @throws `A volume called … already exists with id …` */
  renameDot(caller: Caller, params: Params<'RenameDot'>): Promise<void>;
  containers(caller: Caller, ref: BranchRef): Container[];
  containersById(caller: Caller, id: string): Container[];
  /** Node id → commits that it lacks. */
  replicationLatency(caller: Caller, ref: BranchRef): Record<string, string[]>;
  /** Only this node is possible. @throws dot/NODE_MISSING */
  forceMaster(caller: Caller, params: Params<'ForceBranchMasterById'>): void;
}

export interface Workshop {
  users: Users;
  sharing: Sharing;
  backup: Backup;
  reading: Reading;
  files: Files;
  dots: Dots;
  commits: Commits;
  branches: Branches;
  /** Hexadecimal guid of the pool's root dataset (§3.4). */
  nodeId: string;
  /** Percentage of the pool in use, 0 to 100, at most a minute old. */
  poolUsage(): Promise<number>;
  /** Cheap look at the index and at ZFS, for `/check`: '' or what is wrong. */
  check(): Promise<string>;
  /** Waits for what is under way (bounded), writes what is pending, stops background work. */
  close(): Promise<void>;
}

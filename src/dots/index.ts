/**
 * The workshop: what a user can do with dots. The server's doors (RPC, sockets) call these and nothing below.
 * `workshop.ts` builds it from the adapters (Zfs, Etcd, a state directory); the start reconciles the three.
 *
 * Errors are DmErrors; where the original has a message for a case, it is that message (wire reference §2),
 * since clients and scripts search for it.
 */

import type {
  BranchRef,
  Checkout,
  Container,
  DotmeshVolume,
  DotRef,
  HistoryCommit,
  Methods,
  PreparedMount,
  PrepareMountParams,
  RollbackLosses,
  SafeUser,
  Snapshot,
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

export interface Users {
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

export interface Dots {
  /** Master branches that the caller may read (admin, owner, collaborator), with sizes at most a few seconds old. */
  list(caller: Caller): Promise<DotmeshVolume[]>;
  /** @throws `No known filesystem with id <id>`, `Permission denied.` */
  get(caller: Caller, id: string): Promise<DotmeshVolume>;
  /** @throws names (§3.3), `No such filesystem named '<ns>/<name>'`, branch errors (§2 E-nobranch) */
  lookup(ref: BranchRef): string;
  /** '' when there is none. @throws names */
  exists(ref: BranchRef): string;
  /**
   * The original's Create (§2.1): dataset, `__default__`, initial commit. What a cut left half made is finished.
   * @throws names, `A volume called <ns>/<name> already exists with id <id>`, `Unable to locate owner <ns>.`, no space
   */
  create(caller: Caller, ref: DotRef): Promise<string>;
  /** All branches, leaves first, then the dot. @throws E-nofs, `You are not the owner of volume …`, in use (names who) */
  delete(caller: Caller, ref: DotRef): Promise<void>;
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

/**
 * The calls of DotmeshRPC as they travel: params and results, both directions on one page. Wire reference §2, §3.
 * Field names are the original's. What is ours is marked "ours": additive, and what concerns the machine itself is to be
 * had only over the server's UNIX socket.
 */

export const SERVICE = 'DotmeshRPC';
export const DEFAULT_PORT = 32607;

export interface DotRef {
  Namespace: string;
  Name: string;
}
export interface BranchRef extends DotRef {
  /** '' is master. */
  Branch: string;
}

export interface DotmeshVolume {
  Id: string;
  Name: DotRef;
  Branch: string;
  Master: string;
  SizeBytes: number;
  DirtyBytes: number;
  CommitCount: number;
  ServerStates: Record<string, string>;
  ServerStatuses: Record<string, string>;
  ForkParentId: string;
  ForkParentSnapshotId: string;
}

export interface Container {
  Name: string;
  Id: string;
}
/** By namespace, then by name. */
export type VolumeList = Record<string, Record<string, DotmeshVolume>>;
export type VolumeAndContainersList = Record<
  string,
  Record<string, { Volume: DotmeshVolume; Containers: Container[] }>
>;

export interface VersionInfo {
  installed_version: string;
  current_version: string;
  current_release_date: number;
  current_download_url: string;
  current_changelog_url: string;
  project_website: string;
  outdated: boolean;
}

export interface SafeUser {
  Id: string;
  Name: string;
  Email: string;
  /** Lower-case hex MD5 of the e-mail. */
  EmailHash: string;
  Metadata: Record<string, string> | null;
}

export interface FileChange {
  /** `+` added, `M` changed, `-` removed, `R` renamed (§7.6). */
  change: string;
  filename: string;
  /** Ours, with `R`: its name before. */
  from?: string;
}

export interface BranchStatus {
  SizeBytes: number;
  /** Exact. */
  DirtyBytes: number;
  /** Each subdot with the bytes of the files that changed in it since the newest commit, sorted by name. */
  Subdots: { Name: string; ChangedBytes: number }[];
}

/** One dot as AllDotsAndBranches shows it. */
export interface TopLevelFilesystem {
  MasterBranch: DotmeshVolume;
  /** null when there are none, as the original has it. */
  OtherBranches: DotmeshVolume[] | null;
  Owner: SafeUser;
  Collaborators: SafeUser[];
  /** Never filled here; those of MasterBranch are. */
  ForkParentId: '';
  ForkParentSnapshotId: '';
}

export interface VolumesAndBranches {
  Dots: TopLevelFilesystem[] | null;
  Servers: { Id: string; Addresses: string[] }[] | null;
}

/** Ours. Makes the dot's filesystem and subdot directory ready, and records where it will appear. */
export interface PrepareMountParams extends BranchRef {
  /** '' follows what is checked out; a branch, `master` too, is pinned. */
  Branch: string;
  Subdot: string;
  /** `UID` or `UID:GID`, decimal; '' leaves it. Applied only when this call creates the directory. */
  Owner: string;
  /** Octal text such as `0750`; '' leaves it (0777). Applied only when this call creates the directory. */
  Mode: string;
  /** Absolute path where the caller will bind `Path`; recorded for the daemon's next start. */
  Mountpoint: string;
}
export interface PreparedMount extends BranchRef {
  /** The branch that appears, '' for master. */
  Branch: string;
  Subdot: string;
  Mountpoint: string;
  FilesystemId: string;
  /** Absolute path of the directory, in the mounted filesystem. '' when the filesystem is not there any more. */
  Path: string;
  /** What is wrong, in a sentence; '' when nothing is. */
  Fault: string;
}

/** Ours: what a checkout did on the machine. */
export interface Checkout {
  /** '' is master. */
  Branch: string;
  /** Mountpoints that show it now and did not before. */
  Switched: string[];
  /** Mountpoints of one branch, which stay. */
  Pinned: string[];
  /** Programs in a mount namespace of their own that see another branch still. */
  LeftBehind: { Pid: number; Command: string; Mountpoint: string }[];
}

/** A commit as the original lists it, oldest first. */
export interface Snapshot {
  Id: string;
  /** Texts: author, message, timestamp (nanoseconds), and what the user gave. */
  Metadata: Record<string, string>;
}

/** Ours: a commit of a branch's whole history. */
export interface HistoryCommit extends Snapshot {
  /** Branch that it was made on; '' is master. Another than the one asked for: inherited. */
  Branch: string;
  Tags: string[];
}

/** Ours: what a rollback to a commit would destroy. */
export interface RollbackLosses {
  /** Commits after it, oldest first. */
  Commits: Snapshot[];
  /** Names of branches that grow from those, and from each other, leaves first. */
  Branches: string[];
  /** Bytes written since the newest commit. */
  DirtyBytes: number;
  /** Mounted subdots that the commit does not have: they are made again, empty. */
  Subdots: string[];
  /** Processes with files open on the branch. */
  Users: Process[];
}

export interface Process {
  Pid: number;
  Command: string;
}

/** Method name → what travels. `null` params are an absent member or `null`. */
export interface Methods {
  Ping: { params: null; result: true };
  Version: { params: null; result: VersionInfo };
  CurrentUser: { params: null; result: SafeUser };
  AuthenticatedUser: { params: null; result: SafeUser };
  List: { params: null; result: VolumeList };
  ListWithContainers: { params: null; result: VolumeAndContainersList };
  Get: { params: string; result: DotmeshVolume };
  Lookup: { params: BranchRef; result: string };
  Exists: { params: BranchRef; result: string };
  Create: { params: DotRef; result: true };
  Delete: { params: DotRef; result: true };
  Procure: { params: DotRef & { Subdot: string }; result: string };
  /** NewBranchName '' is master. Force (ours): although processes have files open on a mountpoint. */
  SwitchContainers: { params: DotRef & { NewBranchName: string; Force: boolean }; result: true };
  /** Ours: the same, told in full. */
  Checkout: { params: BranchRef & { Force: boolean }; result: Checkout };
  Config: { params: null; result: Record<string, never> };
  CheckNameIsValid: { params: BranchRef; result: string };
  GetApiKey: { params: null; result: { ApiKey: string } };
  ResetApiKey: { params: null; result: { ApiKey: string } };
  UpdatePassword: { params: { NewPassword: string }; result: SafeUser };
  /** Sorted names, without `master`. */
  Branches: { params: DotRef; result: string[] };
  Containers: { params: BranchRef; result: Container[] };
  /** Node id → ids of the commits that node lacks. Admin only. */
  GetReplicationLatencyForBranch: { params: BranchRef; result: Record<string, string[]> };
  /** The id of the new commit. */
  Commit: {
    params: BranchRef & { Message: string; Metadata: Record<string, string> | null };
    result: string;
  };
  Commits: { params: BranchRef; result: Snapshot[] };
  CommitsById: { params: string; result: Snapshot[] };
  /**
   * Force (ours): although processes have files open. IfNothingLost (ours): refuses when a commit, a branch or
   * something uncommitted would be destroyed.
   */
  Rollback: {
    params: BranchRef & { SnapshotId: string; Force?: boolean; IfNothingLost?: boolean };
    result: true;
  };
  /** SourceBranch is `master` for master, not ''. */
  Branch: {
    params: DotRef & { SourceBranch: string; NewBranchName: string; SourceCommitId: string };
    result: true;
  };
  /** [] while no container of this machine uses a dot by itself. */
  ContainersById: { params: string; result: Container[] };
  ForceBranchMasterById: { params: { FilesystemId: string; Master: string }; result: true };
  /** Ours, like all that follow. Own commits and those inherited from the branches it grew from, oldest first. */
  History: { params: BranchRef; result: HistoryCommit[] };
  PreviewRollback: { params: BranchRef & { SnapshotId: string }; result: RollbackLosses };
  /** Moves the tag when there is one of that name in the dot. */
  Tag: { params: BranchRef & { CommitId: string; Tag: string }; result: true };
  Untag: { params: DotRef & { Tag: string }; result: true };
  DeleteBranch: { params: BranchRef; result: true };
  RenameBranch: { params: BranchRef & { NewBranchName: string }; result: true };
  RenameDot: { params: DotRef & { NewNamespace: string; NewName: string }; result: true };
  RegisterNewUser: { params: { Name: string; Email: string; Password: string }; result: SafeUser };
  UpdateUserPassword: { params: { Id: string; NewPassword: string }; result: SafeUser };
  UserFromName: { params: { Name: string }; result: SafeUser };
  UserFromEmail: { params: { Email: string }; result: SafeUser };
  UserFromCustomerId: { params: { CustomerId: string }; result: SafeUser };
  SetUserMetadataField: { params: { Id: string; Field: string; Value: string }; result: SafeUser };
  DeleteUserMetadataField: { params: { Id: string; Field: string }; result: SafeUser };
  SetUserEmail: { params: { Id: string; Email: string }; result: SafeUser };
  /** Ours, additive. All users, sorted by name. Admin only. */
  ListUsers: { params: null; result: SafeUser[] };
  AddCollaborator: { params: { MasterBranchID: string; Collaborator: string }; result: true };
  RemoveCollaborator: { params: { MasterBranchID: string; Collaborator: string }; result: true };
  /** The result is a BackupV1 (§5.4). */
  DumpEtcd: { params: { Prefix: string }; result: unknown };
  /** `false` is success, as with the original. */
  RestoreEtcd: { params: { Prefix: string; Dump: string }; result: false };
  Fork: { params: { MasterBranchID: string; ForkNamespace: string; ForkName: string }; result: string };
  MountCommit: { params: { FilesystemId: string; CommitId: string }; result: string };
  LastModified: { params: DotRef; result: { Time: string } };
  /** From the newest commit to now, in `__default__` (§7.6). */
  Diff: { params: { FilesystemID: string }; result: { Files: FileChange[] } };
  /** Ours, additive. From: a commit id. To: a commit id, or '' for now. Names begin with the subdot. */
  DiffCommits: { params: BranchRef & { From: string; To: string }; result: { Files: FileChange[] } };
  /** Ours, additive. */
  Status: { params: BranchRef; result: BranchStatus };
  /** Ours, additive. Directories that are committed together, sorted; `__default__` included. */
  Subdots: { params: BranchRef; result: string[] };
  AllDotsAndBranches: { params: null; result: VolumesAndBranches };
  /** Ours, socket only. */
  PrepareMount: { params: PrepareMountParams; result: PreparedMount };
  /** Ours, socket only. Every recorded mount, each made ready (`Path`) or with its fault. */
  Mounts: { params: null; result: PreparedMount[] };
  /** Ours, socket only. */
  ForgetMount: { params: { Mountpoint: string }; result: true };
}
export type MethodName = keyof Methods;

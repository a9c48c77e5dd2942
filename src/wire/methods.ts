/**
 * The calls of DotmeshRPC as they travel: params and results, both directions on one page. Wire reference §2, §3.
 * Field names are the original's. What is ours is marked "ours": additive, most of it only over the server's UNIX socket.
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
  Subdot: string;
  /** `UID` or `UID:GID`, decimal; '' leaves it. Applied only when this call creates the directory. */
  Owner: string;
  /** Octal text such as `0750`; '' leaves it (0777). Applied only when this call creates the directory. */
  Mode: string;
  /** Absolute path where the caller will bind `Path`; recorded for the daemon's next start. */
  Mountpoint: string;
}
export interface PreparedMount extends BranchRef {
  Subdot: string;
  Mountpoint: string;
  FilesystemId: string;
  /** Absolute path of the directory, in the mounted filesystem. '' when the filesystem is not there any more. */
  Path: string;
  /** What is wrong, in a sentence; '' when nothing is. */
  Fault: string;
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
  Config: { params: null; result: Record<string, never> };
  CheckNameIsValid: { params: BranchRef; result: string };
  GetApiKey: { params: null; result: { ApiKey: string } };
  ResetApiKey: { params: null; result: { ApiKey: string } };
  UpdatePassword: { params: { NewPassword: string }; result: SafeUser };
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

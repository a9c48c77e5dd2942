/**
 * Calls that a client makes beyond methods.ts, as they travel. Wire reference §2.1. A server without one of them says
 * so (`rpc: can't find method …`), and the client goes on without, or says what is missing.
 */

import type { BranchRef, Container, DotRef, Methods, SafeUser } from './methods.ts';

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

/** Answered by original servers. */
export interface OriginalMethods {
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
  /** NewBranchName '' is master. Force (ours): although processes have files open on the mountpoint. */
  SwitchContainers: { params: DotRef & { NewBranchName: string; Force?: boolean }; result: true };
  ForceBranchMasterById: { params: { FilesystemId: string; Master: string }; result: true };
  Fork: { params: { MasterBranchID: string; ForkNamespace: string; ForkName: string }; result: string };
  MountCommit: { params: { FilesystemId: string; CommitId: string }; result: string };
  /** Newest commit and now, in `__default__` alone; names are without it. */
  Diff: { params: { FilesystemID: string }; result: { Files: FileChange[] } };
  LastModified: { params: DotRef; result: { Time: string } };
  DumpEtcd: { params: { Prefix: string }; result: unknown };
  RestoreEtcd: { params: { Prefix: string; Dump: string }; result: boolean };
  RegisterNewUser: { params: { Name: string; Email: string; Password: string }; result: SafeUser };
  UpdateUserPassword: { params: { Id: string; NewPassword: string }; result: SafeUser };
  UserFromName: { params: { Name: string }; result: SafeUser };
  AddCollaborator: { params: { MasterBranchID: string; Collaborator: string }; result: true };
  RemoveCollaborator: { params: { MasterBranchID: string; Collaborator: string }; result: true };
}

/** Ours, over TCP too: additive, found by asking. */
export interface AdditiveMethods {
  /** Own commits and those inherited from the branches it grew from, oldest first. */
  History: { params: BranchRef; result: HistoryCommit[] };
  PreviewRollback: { params: BranchRef & { SnapshotId: string }; result: RollbackLosses };
  /** Moves the tag when there is one of that name in the dot. */
  Tag: { params: BranchRef & { CommitId: string; Tag: string }; result: true };
  Untag: { params: DotRef & { Tag: string }; result: true };
  DeleteBranch: { params: BranchRef; result: true };
  RenameBranch: { params: BranchRef & { NewBranchName: string }; result: true };
  RenameDot: { params: DotRef & { NewNamespace: string; NewName: string }; result: true };
  /** Directories that are committed together, sorted; `__default__` included. */
  Subdots: { params: BranchRef; result: string[] };
  Status: { params: BranchRef; result: BranchStatus };
  /** From: a commit id. To: a commit id, or '' for now. Names begin with the subdot. */
  DiffCommits: { params: BranchRef & { From: string; To: string }; result: { Files: FileChange[] } };
  /** All users, sorted by name. Admin only. */
  ListUsers: { params: null; result: SafeUser[] };
}

export interface ClientMethods extends Methods, OriginalMethods, AdditiveMethods {}
export type ClientMethodName = keyof ClientMethods;

/**
 * Calls that a client makes beyond methods.ts, as they travel. Wire reference §2.1. A server without one of them says
 * so (`rpc: can't find method …`), and the client goes on without, or says what is missing.
 */

import type { BranchRef, DotRef, Methods, SafeUser } from './methods.ts';

export type { HistoryCommit, Process, RollbackLosses, Snapshot } from './methods.ts';

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
  Fork: { params: { MasterBranchID: string; ForkNamespace: string; ForkName: string }; result: string };
  MountCommit: { params: { FilesystemId: string; CommitId: string }; result: string };
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

/**
 * Calls that original servers answer and that a client makes beyond methods.ts, as they travel. Wire
 * reference §2.1. A server without one of them says so (`rpc: can't find method …`), and the client goes on
 * without.
 */

import type { BranchRef, Container, DotRef, Methods } from './methods.ts';

export interface OriginalMethods {
  /** Sorted names, without `master`. */
  Branches: { params: DotRef; result: string[] };
  Containers: { params: BranchRef; result: Container[] };
  /** Node id → ids of the commits that node lacks. Admin only. */
  GetReplicationLatencyForBranch: { params: BranchRef; result: Record<string, string[]> };
}

export interface ClientMethods extends Methods, OriginalMethods {}
export type ClientMethodName = keyof ClientMethods;

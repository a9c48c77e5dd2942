/** A filesystem as the RPC shows it: §3.1. Pure. */

import type { DotmeshVolume } from '../wire/methods.ts';
import type { Size } from '../zfs/index.ts';
import type { Entry } from './registry.ts';

export function toVolume(entry: Entry, size: Size, nodeId: string): DotmeshVolume {
  return {
    Id: entry.id,
    Name: { Namespace: entry.namespace, Name: entry.name },
    Branch: entry.branch,
    Master: nodeId,
    SizeBytes: size.referenced,
    DirtyBytes: size.dirty,
    CommitCount: entry.commits.length,
    ServerStates: { [nodeId]: 'active' },
    ServerStatuses: { [nodeId]: `waiting, ${entry.commits.length} commits` },
    ForkParentId: entry.fork?.id ?? '',
    ForkParentSnapshotId: entry.fork?.commit ?? '',
  };
}

/** What the operations on dots work with: adapters, what is known, and where things are. */

import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import { dotMountpoint } from '../model/layout.ts';
import type { Zfs } from '../zfs/index.ts';
import type { Switcher } from './checkout.ts';
import type { CommitMetadata } from './commit-metadata.ts';
import type { IndexWriter } from './index-writer.ts';
import type { Queues } from './queue.ts';
import type { Entry, Registry } from './registry.ts';
import type { Sizes } from './sizes.ts';
import type { StateStore } from './state-file.ts';
import type { Views } from './views.ts';

/** Processes that use files of the filesystem mounted at `path`. */
export type UsersOf = (path: string) => Promise<{ pid: number; command: string }[]>;

export interface Context {
  zfs: Zfs;
  pool: string;
  nodeId: string;
  mountPrefix: string;
  containerMountPrefix: string;
  registry: Registry;
  store: StateStore;
  index: IndexWriter;
  queues: Queues;
  sizes: Sizes;
  metadata: CommitMetadata;
  /** Commits that are mounted; `release` them before their filesystem is destroyed or rolled back. */
  views: Views;
  usersOf: UsersOf | undefined;
  switcher: Switcher | undefined;
  /** Makes the registry right after something was changed behind our back. */
  lookAgain: () => Promise<void>;
  log: Log;
}

/** Where a filesystem is mounted: §4.3. */
export const rootOf = ({ mountPrefix }: Pick<Context, 'mountPrefix'>, id: string): string =>
  dotMountpoint(mountPrefix, id);

/** The symlink to it for containers: `…/<ns>/<name>` or `…/<name>@<branch>`. */
export function linkOf({ containerMountPrefix }: Context, { namespace, name, branch }: Entry): string {
  return join(containerMountPrefix, namespace, branch === '' ? name : `${name}@${branch}`);
}

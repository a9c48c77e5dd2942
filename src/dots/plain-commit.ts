/** A commit as the file API makes them: metadata, then the snapshot, then the index. */

import { randomUUID } from 'node:crypto';
import { readable } from './access.ts';
import type { Context } from './context.ts';
import { writeCommitMetadata } from './directories.ts';
import type { CommitFiles } from './index.ts';
import { ensureMounted } from './mounting.ts';
import { idKey } from './queue.ts';

export function plainCommit(context: Context): CommitFiles {
  return async (caller, { Message, Metadata, ...ref }) => {
    const entry = readable(caller, context.store.state, context.registry, ref);
    return context.queues.run(idKey(entry.id), async () => {
      const root = await ensureMounted(context, entry);
      const id = randomUUID();
      await writeCommitMetadata(root, id, {
        author: caller.user.Name,
        message: Message,
        ...Metadata,
        timestamp: String(BigInt(Date.now()) * 1_000_000n),
      });
      await context.zfs.snapshot(entry.dataset, id);
      entry.commits = [...entry.commits, id];
      return id;
    });
  };
}

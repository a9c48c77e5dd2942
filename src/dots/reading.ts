/** Commits read: mounted, compared with each other and with now, and what is dirty. */

import { DmError } from '../lib/errors.ts';
import { dotsRoot } from '../model/layout.ts';
import { checkName, nameFault } from '../model/names.ts';
import { mayRead, readableById } from './access.ts';
import { commitMissing, createdAt, findChanges, findCommit, newestCommit } from './changes.ts';
import type { Context } from './context.ts';
import { listSubdots } from './directories.ts';
import type { Reading } from './index.ts';
import { ensureMounted } from './mounting.ts';
import { idKey } from './queue.ts';
import type { Entry } from './registry.ts';
import { bySubdot, plainChanges, sinceLastCommit } from './shown-changes.ts';
import type { Change } from './tree-diff.ts';
import { checkRef, findFor } from './turn.ts';

export function createReading(context: Context): Reading {
  const { registry, store, queues, views, zfs, pool } = context;

  /** Undefined when there is no commit to compare with. */
  async function dirty(entry: Entry): Promise<Change[] | undefined> {
    const newest = newestCommit(context, entry);
    return newest && findChanges(context, entry, newest, undefined);
  }

  return {
    async mountCommit(caller, id, commit) {
      const entry = readableById(caller, store.state, registry, id);
      checkName('snapshot', commit);
      if (!entry.commits.includes(commit)) throw commitMissing(id, commit);
      return views.open(entry, commit);
    },

    async diffCommits(caller, { From, To, ...ref }) {
      const entry = findFor(caller, context, ref);
      checkName('snapshot', From);
      if (To !== '') checkName('snapshot', To);
      const from = findCommit(context, entry, From);
      const to = To === '' ? undefined : findCommit(context, entry, To);
      return plainChanges(await findChanges(context, entry, from, to));
    },

    diffById: async (caller, id) => {
      const entry = readableById(caller, store.state, registry, id);
      return sinceLastCommit((await dirty(entry)) ?? []);
    },

    async diffLatest(caller, ref) {
      const changes = await dirty(findFor(caller, context, ref));
      return changes && sinceLastCommit(changes);
    },

    async status(caller, ref) {
      const entry = findFor(caller, context, ref);
      const changes = (await dirty(entry)) ?? [];
      await zfs.settle(dotsRoot(pool));
      const size = (await zfs.sizes(entry.dataset)).get(entry.dataset) ?? { referenced: 0, dirty: 0 };
      return { SizeBytes: size.referenced, DirtyBytes: size.dirty, Subdots: bySubdot(changes) };
    },

    async subdots(caller, ref) {
      const entry = findFor(caller, context, ref);
      const root = await queues.run(idKey(entry.id), () => ensureMounted(context, entry));
      return (await listSubdots(root)).filter(name => nameFault('subdot', name) === '').sort();
    },

    async lastModified(caller, { Namespace, Name }) {
      const ref = { Namespace, Name, Branch: '' };
      checkRef(ref);
      const entry = registry.find(ref);
      if (!entry || !mayRead(caller, store.state, entry)) {
        throw new DmError('dot', 'DOT_MISSING', `failed to find filesystem ${Namespace}/${Name}`);
      }
      const newest = newestCommit(context, entry);
      const changes = (await dirty(entry)) ?? [];
      const times = changes
        .filter(({ change }) => change !== '-')
        .map(({ mtimeNs }) => Number(mtimeNs / 1_000_000_000n));
      const committed = newest ? await createdAt(context, newest) : 0;
      return new Date(times.reduce((a, b) => Math.max(a, b), committed) * 1000);
    },
  };
}

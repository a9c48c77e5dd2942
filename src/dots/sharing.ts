/** Collaborators of dots: §2.3. Order of every change: state.json, then the index. */

import { DmError } from '../lib/errors.ts';
import type { TopLevelFilesystem } from '../wire/methods.ts';
import { mayOwn, mayRead, ownerOf, readableById } from './access.ts';
import { getUser } from './accounts.ts';
import type { Context } from './context.ts';
import type { Caller, Sharing } from './index.ts';
import { entryValues } from './keyspace.ts';
import { nameKey } from './queue.ts';
import { type Entry, fullName } from './registry.ts';
import { member, type State } from './state.ts';
import { safe } from './users.ts';
import { toVolume } from './volumes.ts';

export function createSharing(context: Context): Sharing {
  const { registry, store, index, queues, sizes, nodeId } = context;
  const collaborators = (state: State, dot: string) => member(state.collaborators, dot) ?? [];

  /** The master that is to be shared, when the caller owns it. */
  function owned(caller: Caller, id: string, what: 'add' | 'remove'): Entry {
    const entry = readableById(caller, store.state, registry, id);
    if (entry.branch !== '') {
      const message = `Please ${what} collaborators ${what === 'add' ? 'to' : 'from'} the master branch of the dot`;
      throw new DmError('usage', 'NOT_MASTER', message);
    }
    if (mayOwn(caller, store.state, entry.namespace)) return entry;
    throw new DmError('denied', 'NOT_OWNER', `Not owner. Please ask the owner to ${what} the collaborator.`);
  }

  /** In the queue of the dot's name, in which it is also deleted. */
  async function change(entry: Entry, edit: (ids: string[]) => string[]): Promise<void> {
    await queues.run(nameKey(entry.namespace, entry.name), async () => {
      const now = registry.byId(entry.id);
      if (!now) throw new DmError('dot', 'DOT_MISSING', `No known filesystem with id ${entry.id}`);
      await store.change(state => {
        const before = collaborators(state, entry.dot);
        const after = edit(before);
        if (after === before) return state;
        return { ...state, collaborators: { ...state.collaborators, [entry.dot]: after } };
      });
      const values = entryValues(now, collaborators(store.state, entry.dot), nodeId);
      await index.write(values.map(put => ({ put })));
    });
  }

  function describe(master: Entry, entries: readonly Entry[]): TopLevelFilesystem {
    const { state } = store;
    const show = (entry: Entry) => toVolume(entry, sizes.of(entry.dataset), nodeId);
    const branches = entries
      .filter(({ branch }) => branch !== '')
      .sort((a, b) => (a.branch < b.branch ? -1 : 1));
    const owner = ownerOf(state, master.namespace);
    const known = new Map(state.users.map(user => [user.id, user]));
    return {
      MasterBranch: show(master),
      OtherBranches: branches.length > 0 ? branches.map(show) : null,
      Owner: owner
        ? safe(owner)
        : { Id: '', Name: master.namespace, Email: '', EmailHash: '', Metadata: null },
      Collaborators: collaborators(state, master.dot).flatMap(id => {
        const user = known.get(id);
        return user ? [safe(user)] : [];
      }),
      ForkParentId: '',
      ForkParentSnapshotId: '',
    };
  }

  return {
    async add(caller, id, collaborator) {
      const entry = owned(caller, id, 'add');
      const user = getUser(store.state, collaborator);
      await change(entry, ids => (ids.includes(user.id) ? ids : [...ids, user.id]));
    },

    async remove(caller, id, collaborator) {
      const entry = owned(caller, id, 'remove');
      const user = store.state.users.find(({ name }) => name === collaborator);
      if (user && user.id === caller.user.Id) {
        const message = 'You cannot remove yourself as a collaborator from a dot.';
        throw new DmError('usage', 'OWN_COLLABORATOR', message);
      }
      await change(entry, ids => {
        if (user && ids.includes(user.id)) return ids.filter(other => other !== user.id);
        const message = `${collaborator} is not a collaborator on this dot so cannot remove.`;
        throw new DmError('usage', 'NO_COLLABORATOR', message);
      });
    },

    async dotsAndBranches(caller) {
      await sizes.refresh();
      const byDot = Map.groupBy(registry.all(), entry => entry.dot);
      return registry
        .masters()
        .filter(entry => mayRead(caller, store.state, entry))
        .sort((a, b) => (fullName(a) < fullName(b) ? -1 : 1))
        .map(master => describe(master, byDot.get(master.dot) ?? []));
    },
  };
}

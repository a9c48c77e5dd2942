/** What a user can do with dots: checks, then the queue, then the operation. */

import { DmError, isDmError } from '../lib/errors.ts';
import { checkName, checkNewDotName, MASTER } from '../model/names.ts';
import type { DotRef } from '../wire/methods.ts';
import { checkAdmin, checkMayCreate, checkMayDelete, mayRead, readable } from './access.ts';
import { checkedOut, checkOut } from './checkout.ts';
import { type Context, linkOf } from './context.ts';
import { createDot, finishDot } from './create-dot.ts';
import { deleteDot } from './delete-dot.ts';
import { forkDot } from './fork-dot.ts';
import type { Caller, Dots } from './index.ts';
import { mountKey } from './keyspace.ts';
import { prepareMount, procurePath, readMountpoint, restoreMount } from './prepare-mount.ts';
import { nameKey } from './queue.ts';
import { type Entry, fullName } from './registry.ts';
import { checkMayUse, checkRef, holding } from './turn.ts';
import { toVolume } from './volumes.ts';

export function createDots(context: Context): Dots {
  const { registry, store, sizes, queues, nodeId } = context;
  const show = (entry: Entry) => toVolume(entry, sizes.of(entry.dataset), nodeId);

  /** Finishes a creation that was cut, in its name's queue; true when there was something to finish. */
  async function complete(entry: Entry): Promise<boolean> {
    if (isComplete(entry)) return false;
    await finishDot(context, entry);
    return true;
  }

  /** The entry that is there when the call ends; `isNew` when this call made it. */
  function ensure(caller: Caller, ref: DotRef): Promise<{ entry: Entry; isNew: boolean }> {
    checkRef({ ...ref, Branch: '' });
    checkMayCreate(caller, store.state, ref.Namespace);
    return queues.run(nameKey(ref.Namespace, ref.Name), async () => {
      const found = registry.master(ref);
      if (!found) {
        checkNewDotName({ namespace: ref.Namespace, name: ref.Name });
        return { entry: await createDot(context, ref), isNew: true };
      }
      return { entry: found, isNew: await complete(found) };
    });
  }

  /** Finds the dot and works on it; once more after a look at the pool, when its dataset is not where it was. */
  async function onWhatIsThere<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isDmError(error, 'DATASET_MISSING')) throw error;
      await context.lookAgain();
      return await work();
    }
  }

  return {
    async list(caller) {
      await sizes.refresh();
      return registry
        .masters()
        .filter(entry => mayRead(caller, store.state, entry))
        .map(show);
    },

    async get(caller, id) {
      const entry = registry.byId(id);
      if (!entry) throw new DmError('dot', 'DOT_MISSING', `No known filesystem with id ${id}`);
      checkMayUse(caller, context, entry);
      await sizes.refresh();
      return show(entry);
    },

    lookup(caller, ref) {
      checkRef(ref);
      return readable(caller, store.state, registry, ref).id;
    },

    exists(caller, ref) {
      checkRef(ref);
      const entry = registry.find(ref);
      return entry && mayRead(caller, store.state, entry) ? entry.id : '';
    },

    async create(caller, ref) {
      const { entry, isNew } = await ensure(caller, ref);
      if (isNew) return entry.id;
      throw dotExists(entry);
    },

    async delete(caller, ref) {
      checkRef({ ...ref, Branch: '' });
      checkMayDelete(caller, store.state, { namespace: ref.Namespace, name: ref.Name });
      await queues.run(nameKey(ref.Namespace, ref.Name), async () => {
        const master = registry.get({ ...ref, Branch: '' });
        checkMayDelete(caller, store.state, master);
        await holding(context, registry.ofDot(master.dot), () => deleteDot(context, master));
      });
    },

    async fork(caller, id, ref) {
      checkAdmin(caller);
      checkNewDotName({ namespace: ref.Namespace, name: ref.Name });
      checkMayCreate(caller, store.state, ref.Namespace);
      return queues.run(nameKey(ref.Namespace, ref.Name), async () => {
        const source = registry.byId(id);
        if (!source) {
          const message = `Unable to find user-facing filesystemName, cloneName for filesystem id ${id}`;
          throw new DmError('dot', 'DOT_MISSING', message);
        }
        if (source.branch !== '') {
          throw new DmError('usage', 'NOT_MASTER', 'Please fork the master branch of the dot');
        }
        const taken = registry.master(ref);
        if (taken) throw dotExists(taken);
        return (await forkDot(context, source, ref)).id;
      });
    },

    async procure(caller, { Namespace, Name, Subdot }) {
      checkAdmin(caller);
      const [name = '', branch = '', more] = Name.split('@');
      if (more !== undefined) throw new DmError('usage', 'INVALID_NAME', `invalid volume name: ${Name}`);
      const ref = { Namespace, Name: name, Branch: branch === MASTER ? '' : branch };
      checkRef(ref);
      if (Subdot !== '') checkName('subdot', Subdot);
      return onWhatIsThere(async () => {
        const isMissing = ref.Branch === '' && !isComplete(registry.find(ref));
        const entry = isMissing ? (await ensure(caller, ref)).entry : registry.get(ref);
        const current = checkedOut(registry, store.state, entry);
        // The plain link shows what is checked out, so who wants master then has one of his own.
        const isApart = branch === MASTER && current !== entry;
        const link = linkOf(context, isApart ? { ...entry, branch: MASTER } : entry);
        return procurePath(context, branch === '' ? current : entry, link, Subdot);
      });
    },

    async prepareMount(params) {
      checkRef(params);
      return onWhatIsThere(async () => {
        const asked = registry.get({ ...params, Branch: params.Branch === MASTER ? '' : params.Branch });
        if (!isComplete(asked)) await queues.run(nameKey(asked.namespace, asked.name), () => complete(asked));
        const entry = params.Branch === '' ? checkedOut(registry, store.state, asked) : asked;
        return prepareMount(context, entry, params);
      });
    },

    async checkOut(caller, { Namespace, Name, Branch, Force }) {
      checkAdmin(caller);
      const ref = { Namespace, Name, Branch: Branch === MASTER ? '' : Branch };
      checkRef(ref);
      return queues.run(nameKey(Namespace, Name), () => checkOut(context, registry.get(ref), Force));
    },

    async mounts() {
      const restored = [];
      for (const [mountpoint, mount] of Object.entries(store.state.mounts)) {
        restored.push(await restoreMount(context, mountpoint, mount));
      }
      return restored;
    },

    async forgetMount(text) {
      const mountpoint = readMountpoint(text);
      await store.change(state => {
        if (!(mountpoint in state.mounts)) return state;
        const { [mountpoint]: _, ...mounts } = state.mounts;
        return { ...state, mounts };
      });
      await context.index.write([{ delete: mountKey(nodeId, mountpoint) }]);
    },
  };
}

function dotExists(entry: Entry): DmError {
  const message = `A volume called ${fullName(entry)} already exists with id ${entry.id}`;
  return new DmError('dot', 'DOT_EXISTS', message);
}

/** A dot is there from its first commit on; a fork or clone has that of its origin. */
function isComplete(entry: Entry | undefined): boolean {
  return entry !== undefined && (entry.commits.length > 0 || entry.origin !== undefined);
}

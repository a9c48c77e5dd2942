/** Branches: clones of commits, with names. */

import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { checkName, checkNewDotName, MASTER, newNameFault } from '../model/names.ts';
import type { DotRef } from '../wire/methods.ts';
import { checkMayCreate, checkMayDelete } from './access.ts';
import { claimProperties } from './claims.ts';
import type { Context } from './context.ts';
import { deleteBranch } from './delete-dot.ts';
import { newestOf, ownerOfCommit } from './history.ts';
import type { Branches } from './index.ts';
import { entryValues } from './keyspace.ts';
import { refuseDeleted } from './mounting.ts';
import { newEntry } from './new-entry.ts';
import { nameKey } from './queue.ts';
import { type Entry, fullName } from './registry.ts';
import { renameBranch, renameDot } from './rename.ts';
import { findByIdFor, findFor, holding, inDot } from './turn.ts';

export function createBranches(context: Context): Branches {
  const { registry, store, nodeId } = context;

  function refuseTaken(dot: DotRef, name: string): void {
    if (!registry.find({ ...dot, Branch: name })) return;
    throw new DmError('dot', 'BRANCH_EXISTS', `Branch already exists: ${name}`);
  }

  return {
    list(caller, ref) {
      const master = findFor(caller, context, { ...ref, Branch: '' });
      return registry
        .ofDot(master.dot)
        .flatMap(({ branch }) => (branch === '' ? [] : [branch]))
        .sort();
    },

    async create(caller, { SourceBranch, NewBranchName, SourceCommitId, Namespace, Name }) {
      const dot = { Namespace, Name };
      const ref = { ...dot, Branch: SourceBranch === MASTER ? '' : SourceBranch };
      findFor(caller, context, ref);
      checkNewBranch(NewBranchName);
      await inDot(context, dot, async () => {
        const source = findFor(caller, context, ref);
        refuseDeleted(source);
        refuseTaken(dot, NewBranchName);
        await grow(context, source, NewBranchName, SourceCommitId);
      });
    },

    async delete(caller, ref) {
      const named = notMaster(ref.Branch, 'deleted');
      findFor(caller, context, { ...ref, Branch: named });
      await inDot(context, ref, async () => {
        const entry = findFor(caller, context, { ...ref, Branch: named });
        checkMayDelete(caller, store.state, entry);
        await holding(context, [entry], () => deleteBranch(context, entry));
      });
    },

    async rename(caller, { NewBranchName, ...ref }) {
      const named = notMaster(ref.Branch, 'renamed');
      findFor(caller, context, { ...ref, Branch: named });
      checkNewBranch(NewBranchName);
      await inDot(context, ref, async () => {
        const entry = findFor(caller, context, { ...ref, Branch: named });
        refuseDeleted(entry);
        refuseTaken(ref, NewBranchName);
        await holding(context, [entry], () => renameBranch(context, entry, NewBranchName));
      });
    },

    async renameDot(caller, { Namespace, Name, NewNamespace, NewName }) {
      const ref = { Namespace, Name, Branch: '' };
      const names = { namespace: NewNamespace, name: NewName };
      findFor(caller, context, ref);
      checkNewDotName(names);
      checkMayCreate(caller, store.state, NewNamespace);
      await context.queues.holding([nameKey(Namespace, Name), nameKey(NewNamespace, NewName)], async () => {
        const master = findFor(caller, context, ref);
        checkMayRename(caller, master);
        refuseDeleted(master);
        const taken = registry.master({ Namespace: NewNamespace, Name: NewName });
        if (taken) {
          const message = `A volume called ${fullName(taken)} already exists with id ${taken.id}`;
          throw new DmError('dot', 'DOT_EXISTS', message);
        }
        await holding(context, registry.ofDot(master.dot), () => renameDot(context, master, names));
      });
    },

    containers(caller, ref) {
      findFor(caller, context, ref);
      return [];
    },

    containersById(caller, id) {
      findByIdFor(caller, context, id);
      return [];
    },

    replicationLatency(caller, ref) {
      findFor(caller, context, ref);
      return { [nodeId]: [] };
    },

    forceMaster(caller, { FilesystemId, Master }) {
      if (FilesystemId === '') throw new DmError('usage', 'INVALID_NAME', 'FilesystemId not set');
      findByIdFor(caller, context, FilesystemId);
      if (Master === '' || Master === nodeId) return;
      throw new DmError('dot', 'NODE_MISSING', `There is no node ${Master} here: ${nodeId} has all dots.`);
    },
  };

  function checkMayRename(caller: Parameters<typeof checkMayDelete>[0], master: Entry): void {
    try {
      checkMayDelete(caller, store.state, master);
    } catch (error) {
      const message = asDmError(error).message.replace('delete it', 'rename it');
      throw new DmError('denied', 'NOT_OWNER', message);
    }
  }
}

/** Clones the commit ('' for the newest) with everything that makes the clone a branch. */
async function grow(context: Context, source: Entry, branch: string, wanted: string): Promise<void> {
  const { registry, zfs, nodeId } = context;
  const newest = wanted === '' ? newestOf(registry, source) : undefined;
  const commit = newest?.commit ?? wanted;
  const owner = newest?.owner ?? ownerOfCommit(registry, source, commit);
  const { namespace, name, dot } = source;
  const origin = { filesystemId: owner.id, snapshotId: commit };
  const entry = newEntry(context, { namespace, name }, { dot, branch, origin });
  try {
    await zfs.clone(`${owner.dataset}@${commit}`, entry.dataset, {
      ...claimProperties(entry),
      mountpoint: entry.mountpoint,
      atime: 'off',
    });
  } catch (error) {
    // The name is an id that nobody but this call has used: what is there of it is ours.
    await zfs.destroy(entry.dataset).catch(failure => {
      if (isDmError(failure, 'DATASET_MISSING')) return;
      const reason = asDmError(failure).message;
      context.log.error({ dataset: entry.dataset, reason }, 'a branch that could not be made is left behind');
    });
    throw error;
  }
  registry.put(entry);
  context.sizes.clean(entry.dataset);
  await context.index.write(entryValues(entry, [], nodeId).map(put => ({ put })));
}

/** @throws DmError usage/INVALID_NAME */
function checkNewBranch(name: string): void {
  if (name === '') throw new DmError('usage', 'INVALID_NAME', 'branch cannot be empty');
  const fault = newNameFault('branch', name);
  if (fault !== '') throw new DmError('usage', 'INVALID_NAME', fault);
  if (name !== MASTER) return;
  throw new DmError('usage', 'INVALID_NAME', `Branch already exists: ${MASTER}`, {
    hint: 'Every dot has it from the start.',
  });
}

/** @throws DmError usage/MASTER_BRANCH */
function notMaster(name: string, what: string): string {
  checkName('branch', name);
  if (name !== '' && name !== MASTER) return name;
  throw new DmError(
    'usage',
    'MASTER_BRANCH',
    `The branch ${MASTER} can not be ${what}: it is the dot itself.`,
  );
}

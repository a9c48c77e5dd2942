/** An operation's turn: what was looked up before may have changed while it waited. */

import { DmError } from '../lib/errors.ts';
import { checkName } from '../model/names.ts';
import type { BranchRef, DotRef } from '../wire/methods.ts';
import { mayRead, readable } from './access.ts';
import type { Context } from './context.ts';
import type { Caller } from './index.ts';
import { idKey, nameKey } from './queue.ts';
import { type Entry, fullName } from './registry.ts';

/** Namespace before name (§3.3). @throws DmError usage/INVALID_NAME */
export function checkRef({ Namespace, Name, Branch }: BranchRef): void {
  checkName('namespace', Namespace);
  checkName('dot', Name);
  checkName('branch', Branch ?? '');
}

/** @throws DmError denied/PERMISSION_DENIED: to the owner, collaborators and the admin alone */
export function checkMayUse(caller: Caller, { store }: Context, entry: Entry): void {
  if (mayRead(caller, store.state, entry)) return;
  throw new DmError('denied', 'PERMISSION_DENIED', 'Permission denied.');
}

/** A branch that the caller may use: one of others is as good as none. @throws DmError names, dot/DOT_MISSING, dot/BRANCH_MISSING */
export function findFor(caller: Caller, { store, registry }: Context, ref: BranchRef): Entry {
  checkRef(ref);
  return readable(caller, store.state, registry, ref);
}

/** The same by id. @throws DmError dot/DOT_MISSING, denied/PERMISSION_DENIED */
export function findByIdFor(caller: Caller, context: Context, id: string): Entry {
  const entry = context.registry.byId(id);
  if (!entry) throw new DmError('dot', 'DOT_MISSING', `No such filesystem id ${id}`);
  checkMayUse(caller, context, entry);
  return entry;
}

/** In the filesystem's queue, if it is still there by then. @throws DmError dot/DOT_MISSING */
export function inQueue<T>(context: Context, entry: Entry, work: (entry: Entry) => Promise<T>): Promise<T> {
  return context.queues.run(idKey(entry.id), async () => {
    const now = context.registry.byId(entry.id);
    if (now) return work(now);
    throw new DmError('dot', 'DOT_MISSING', `No such filesystem named '${fullName(entry)}'`);
  });
}

/** In the queue of the dot's name: what its branches are does not change meanwhile. */
export function inDot<T>(context: Context, { Namespace, Name }: DotRef, work: () => Promise<T>): Promise<T> {
  return context.queues.run(nameKey(Namespace, Name), work);
}

/** With the queues of all these filesystems held; call it from the queue of the dot's name. */
export function holding<T>(context: Context, entries: readonly Entry[], work: () => Promise<T>): Promise<T> {
  return context.queues.holding(
    entries.map(entry => idKey(entry.id)),
    work,
  );
}

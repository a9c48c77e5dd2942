/** Who may do what with a dot: §1.5. Pure. */

import { DmError } from '../lib/errors.ts';
import type { BranchRef } from '../wire/methods.ts';
import { ADMIN_ID, type Caller } from './index.ts';
import { dotMissing, type Entry, type Registry } from './registry.ts';
import { member, type State, type StoredUser } from './state.ts';

export const isAdmin = (caller: Caller): boolean => caller.user.Id === ADMIN_ID;

/** The owner of a dot is the user whose name is its namespace. */
export function ownerOf(state: State, namespace: string): StoredUser | undefined {
  return state.users.find(user => user.name === namespace);
}

export function mayOwn(caller: Caller, state: State, namespace: string): boolean {
  return isAdmin(caller) || ownerOf(state, namespace)?.id === caller.user.Id;
}

export function mayRead(caller: Caller, state: State, entry: Entry): boolean {
  const collaborators = member(state.collaborators, entry.dot) ?? [];
  return mayOwn(caller, state, entry.namespace) || collaborators.includes(caller.user.Id);
}

/**
 * The entry when the caller may read it; else the same error as for a name or branch that is not there.
 *
 * @throws DmError dot/DOT_MISSING, dot/BRANCH_MISSING
 */
export function readable(caller: Caller, state: State, registry: Registry, ref: BranchRef): Entry {
  const master = registry.master(ref);
  if (master && !mayRead(caller, state, master)) throw dotMissing(ref);
  return registry.get(ref);
}

/** The same by id. @throws DmError dot/DOT_MISSING */
export function readableById(caller: Caller, state: State, registry: Registry, id: string): Entry {
  const entry = registry.byId(id);
  if (entry && mayRead(caller, state, entry)) return entry;
  throw new DmError('dot', 'DOT_MISSING', `No known filesystem with id ${id}`);
}

/** @throws DmError denied/NOT_ADMIN */
export function checkAdmin(caller: Caller): void {
  if (isAdmin(caller)) return;
  throw new DmError('denied', 'NOT_ADMIN', `Userid ${caller.user.Id} is not admin user`);
}

/**
 * The original lets anybody create in any namespace (§8.4, a bug): we do not. Its words for a missing owner.
 *
 * @throws DmError dot/OWNER_MISSING, denied/NOT_NAMESPACE_ADMIN
 */
export function checkMayCreate(caller: Caller, state: State, namespace: string): void {
  if (!ownerOf(state, namespace)) {
    throw new DmError('dot', 'OWNER_MISSING', `Unable to locate owner ${namespace}.`);
  }
  if (mayOwn(caller, state, namespace)) return;
  const message = `User is not an administrator for namespace ${namespace}, so cannot create volumes`;
  throw new DmError('denied', 'NOT_NAMESPACE_ADMIN', message);
}

/** Asked before whether there is such a dot: nobody learns names of others. @throws DmError denied/NOT_OWNER */
export function checkMayDelete(
  caller: Caller,
  state: State,
  { namespace, name }: Pick<Entry, 'namespace' | 'name'>,
): void {
  if (mayOwn(caller, state, namespace)) return;
  const message = `You are not the owner of volume ${namespace}/${name}. Only the owner can delete it.`;
  throw new DmError('denied', 'NOT_OWNER', message);
}

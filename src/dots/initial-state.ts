/**
 * The state with which a server starts: the file's, else what etcd still knows, else a pool without users.
 * Pure.
 */

import type { KeyValue } from '../etcd/index.ts';
import { ADMIN_ID } from './index.ts';
import { readIndex, readMounts } from './keyspace.ts';
import { emptyState, type State } from './state.ts';
import { freshAdmin } from './users.ts';

export function initialState(found: State | undefined, values: readonly KeyValue[], nodeId: string): State {
  const state = found ?? fromIndex(values, nodeId);
  if (state.users.some(user => user.id === ADMIN_ID)) return state;
  // The name belongs to the admin: who else had it would own the admin's dots.
  return { ...state, users: [freshAdmin(), ...state.users.filter(user => user.name !== 'admin')] };
}

function fromIndex(values: readonly KeyValue[], nodeId: string): State {
  const { users, dots } = readIndex(values);
  const shared = dots.filter(dot => dot.collaborators.length > 0);
  return {
    ...emptyState(),
    users,
    mounts: readMounts(values, nodeId),
    collaborators: Object.fromEntries(shared.map(dot => [dot.id, dot.collaborators])),
  };
}

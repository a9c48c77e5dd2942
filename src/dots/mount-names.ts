/** Recorded mounts say the name of what they show; a renaming changes it. Pure. */

import { MASTER } from '../model/names.ts';
import type { Registry } from './registry.ts';
import type { State, StoredMount } from './state.ts';

/** The same state when every mount has the name that its filesystem has now. */
export function withMountNames(state: State, registry: Pick<Registry, 'byId'>): State {
  const renamed = Object.entries(state.mounts).flatMap(([mountpoint, mount]): [string, StoredMount][] => {
    const entry = registry.byId(mount.filesystemId);
    if (!entry) return [];
    const { namespace, name } = entry;
    // One that follows what is checked out goes on following.
    const branch = mount.branch === '' ? '' : entry.branch || MASTER;
    const isSame = mount.namespace === namespace && mount.name === name && mount.branch === branch;
    return isSame ? [] : [[mountpoint, { ...mount, namespace, name, branch }]];
  });
  if (renamed.length === 0) return state;
  return { ...state, mounts: { ...state.mounts, ...Object.fromEntries(renamed) } };
}

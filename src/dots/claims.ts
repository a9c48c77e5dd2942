/**
 * What each filesystem in the pool says it is: read from its properties, else from an index of the
 * original. Pure.
 */

import { dotsRoot, PROPERTY } from '../model/layout.ts';
import { nameFault } from '../model/names.ts';
import type { Filesystem, Snapshot } from '../zfs/index.ts';
import type { Index } from './keyspace.ts';

export interface Claim {
  filesystem: Filesystem;
  /** Last component of the dataset's name. */
  component: string;
  namespace: string;
  name: string;
  /** '' is master. */
  branch: string;
  dot: string;
  fork: { id: string; commit: string } | undefined;
  deleting: boolean;
  /** The commit to which a rollback was decided. */
  rollback: string | undefined;
  /** Named by an index of the original only: its properties are to be set. */
  adopted: boolean;
  /** All snapshots, oldest first. */
  snapshots: readonly Snapshot[];
}

/** A claim, or why the filesystem is left alone, as the end of a sentence that begins with its name. */
export function claimOf(
  pool: string,
  filesystem: Filesystem,
  snapshots: readonly Snapshot[],
  index: Index | undefined,
): Claim | { leftAlone: string } {
  const component = filesystem.name.slice(dotsRoot(pool).length + 1);
  if (nameFault('dot', component)) return { leftAlone: 'has a name that no dot has' };
  const base = { filesystem, component, snapshots };
  const renaming = readRenaming(filesystem.properties[PROPERTY.renaming]);
  const namespace = renaming?.namespace ?? filesystem.properties[PROPERTY.namespace];
  const name = renaming?.name ?? filesystem.properties[PROPERTY.name];
  if (namespace === undefined && name === undefined) {
    const found = index && indexedClaim(component, index);
    if (found && 'leftAlone' in found) return found;
    if (found) return { ...base, ...found, deleting: false, rollback: undefined, adopted: true };
    return { leftAlone: 'is named by neither its properties nor etcd' };
  }
  const branch = filesystem.properties[PROPERTY.branch] ?? '';
  const dot = filesystem.properties[PROPERTY.dot] ?? (branch === '' ? component : '');
  const fault =
    nameFault('namespace', namespace ?? '') ||
    nameFault('dot', name ?? '') ||
    nameFault('branch', branch) ||
    (nameFault('dot', dot) && 'the id of its dot is none');
  if (fault || namespace === undefined || name === undefined) {
    return { leftAlone: `has properties that name no dot: ${fault || 'one is missing'}` };
  }
  const fork = readFork(filesystem.properties[PROPERTY.fork]);
  const deleting = filesystem.properties[PROPERTY.deleting] === 'true';
  const rollback = filesystem.properties[PROPERTY.rollback];
  return { ...base, namespace, name, branch, dot, fork, deleting, rollback, adopted: false };
}

type Indexed = Pick<Claim, 'namespace' | 'name' | 'branch' | 'dot' | 'fork'>;

function indexedClaim(id: string, index: Index): Indexed | { leftAlone: string } | undefined {
  const branch = index.branches.find(one => one.id === id);
  const dot = index.dots.find(one => one.id === (branch?.dot ?? id));
  if (!dot) return undefined;
  if (index.deleted.has(id))
    return { leftAlone: 'was to be deleted by the server that had this pool before' };
  const { namespace, name, fork } = dot;
  return { namespace, name, branch: branch?.branch ?? '', dot: dot.id, fork: branch ? undefined : fork };
}

function readFork(text: string | undefined): Claim['fork'] {
  const [id = '', commit = '', more] = (text ?? '').split('@');
  return id !== '' && commit !== '' && more === undefined ? { id, commit } : undefined;
}

/** A renaming that was decided counts, whatever the two other properties say. */
function readRenaming(text: string | undefined): { namespace: string; name: string } | undefined {
  const [namespace = '', name = '', more] = (text ?? '').split('/');
  if (more !== undefined || nameFault('namespace', namespace) || nameFault('dot', name)) return undefined;
  return { namespace, name };
}

/** The properties that let the claim be read again. */
export function claimProperties(claim: Indexed): Record<string, string> {
  return {
    [PROPERTY.namespace]: claim.namespace,
    [PROPERTY.name]: claim.name,
    [PROPERTY.dot]: claim.dot,
    ...(claim.branch === '' ? {} : { [PROPERTY.branch]: claim.branch }),
    ...(claim.fork ? { [PROPERTY.fork]: `${claim.fork.id}@${claim.fork.commit}` } : {}),
  };
}

/**
 * Directories of dots made ready for use: by path through the symlink (Procure), or for a bind mount
 * (ours).
 */

import { isAbsolute, join, normalize } from 'node:path';
import { asDmError, DmError } from '../lib/errors.ts';
import { checkName, DEFAULT_SUBDOT } from '../model/names.ts';
import type { PreparedMount, PrepareMountParams } from '../wire/methods.ts';
import { type Context, linkOf, rootOf } from './context.ts';
import {
  ANYBODY,
  asSpaceError,
  isEmpty,
  isSubdot,
  linkDot,
  makeSubdot,
  type Ownership,
  own,
} from './directories.ts';
import { mountValue } from './keyspace.ts';
import { ensureMounted } from './mounting.ts';
import { idKey } from './queue.ts';
import { type Entry, fullName } from './registry.ts';
import { member, type StoredMount } from './state.ts';

/** The word for the whole dot (§3.3); no directory. */
export const ROOT_SUBDOT = '__root__';

/** Mounted, linked, its subdot made. @returns the path that a container gets: §4.3 */
export function procurePath(context: Context, entry: Entry, subdot: string): Promise<string> {
  return context.queues.run(idKey(entry.id), async () => {
    const root = await ensureMounted(context, entry);
    if (subdot !== '') await prepareSubdot(context, entry, root, subdot, ANYBODY);
    const link = linkOf(context, entry);
    await linkDot(link, root, target => isStale(context, entry, target));
    return subdot === '' ? link : join(link, subdot);
  });
}

/** A link to a filesystem of ours stays only when that belongs to the same dot: names are used again. */
function isStale(context: Context, entry: Entry, target: string): boolean {
  const below = rootOf(context, '');
  if (!target.startsWith(below)) return false;
  return context.registry.byId(target.slice(below.length))?.dot !== entry.dot;
}

/** @throws DmError usage/INVALID_MOUNT (owner, mode or mountpoint), names, and of ZFS's */
export async function prepareMount(
  context: Context,
  entry: Entry,
  params: PrepareMountParams,
): Promise<PreparedMount> {
  const subdot = params.Subdot === '' ? DEFAULT_SUBDOT : params.Subdot;
  checkName('subdot', subdot);
  const ownership = readOwnership(params.Owner, params.Mode);
  const mountpoint = readMountpoint(params.Mountpoint);
  return context.queues.run(idKey(entry.id), async () => {
    const root = await ensureMounted(context, entry);
    if (subdot !== ROOT_SUBDOT) await prepareSubdot(context, entry, root, subdot, ownership);
    const { id: filesystemId, namespace, name, branch } = entry;
    const mount: StoredMount = { filesystemId, namespace, name, branch, subdot };
    if (!sameMount(context.store.state.mounts[mountpoint], mount)) {
      await context.store.change(state => ({ ...state, mounts: { ...state.mounts, [mountpoint]: mount } }));
      await context.index.write([{ put: mountValue(context.nodeId, mountpoint, mount) }]);
    }
    return toPrepared(mountpoint, mount, pathOf(root, subdot), '');
  });
}

/** A mount that was recorded, made ready again; what is wrong with it is told, never thrown. */
export async function restoreMount(
  context: Context,
  mountpoint: string,
  mount: StoredMount,
): Promise<PreparedMount> {
  const entry = context.registry.byId(mount.filesystemId);
  if (!entry) {
    const dot = fullName(mount);
    const fault = `The dot ${dot} that was mounted at ${mountpoint} is not there any more.`;
    return toPrepared(mountpoint, mount, '', fault);
  }
  try {
    return await context.queues.run(idKey(entry.id), async () => {
      const root = await ensureMounted(context, entry);
      const isThere = mount.subdot === ROOT_SUBDOT || (await isSubdot(root, mount.subdot));
      const fault = isThere ? '' : `The subdot ${mount.subdot} of ${mount.namespace}/${mount.name} is gone.`;
      return toPrepared(mountpoint, mount, isThere ? pathOf(root, mount.subdot) : '', fault);
    });
  } catch (error) {
    return toPrepared(mountpoint, mount, '', asDmError(error).message);
  }
}

/**
 * Creation makes `__default__` before anybody can say whose it shall be: it counts as being created at its
 * first preparation, provided that it is still empty.
 */
async function prepareSubdot(
  context: Context,
  entry: Entry,
  root: string,
  subdot: string,
  ownership: Ownership,
): Promise<void> {
  const known = member(context.store.state.prepared, entry.id) ?? [];
  const isNew = await makeSubdot(root, subdot, ownership).catch(error => {
    throw asSpaceError(error);
  });
  if (known.includes(subdot)) return;
  const path = join(root, subdot);
  if (!isNew && subdot === DEFAULT_SUBDOT && (await isEmpty(path))) await own(path, ownership);
  await context.store.change(state => {
    const before = member(state.prepared, entry.id) ?? [];
    return { ...state, prepared: { ...state.prepared, [entry.id]: [...before, subdot] } };
  });
}

const pathOf = (root: string, subdot: string) => (subdot === ROOT_SUBDOT ? root : join(root, subdot));

function toPrepared(Mountpoint: string, mount: StoredMount, Path: string, Fault: string): PreparedMount {
  const {
    namespace: Namespace,
    name: Name,
    branch: Branch,
    subdot: Subdot,
    filesystemId: FilesystemId,
  } = mount;
  return { Namespace, Name, Branch, Subdot, Mountpoint, FilesystemId, Path, Fault };
}

function sameMount(a: StoredMount | undefined, b: StoredMount): boolean {
  return a !== undefined && (Object.keys(b) as (keyof StoredMount)[]).every(key => a[key] === b[key]);
}

const HIGHEST_ID = 2 ** 32 - 2;

function readOwnership(owner: string, mode: string): Ownership {
  const ids = owner === '' ? [] : owner.split(':');
  if (ids.length > 2 || ids.some(id => !/^\d{1,10}$/.test(id) || Number(id) > HIGHEST_ID)) {
    throw invalid(`The owner "${owner}" is not UID or UID:GID in decimal.`);
  }
  if (mode !== '' && !/^[0-7]{3,4}$/.test(mode)) throw invalid(`The mode "${mode}" is not octal like 0750.`);
  const [uid, gid] = ids.map(Number);
  return { uid, gid, mode: mode === '' ? undefined : Number.parseInt(mode, 8) };
}

/** The form under which a mountpoint is recorded. @throws DmError usage/INVALID_MOUNT */
export function readMountpoint(text: string): string {
  if (!isAbsolute(text) || text.includes('\0')) throw invalid('The mountpoint is no absolute path.');
  const path = normalize(text);
  return path.length > 1 ? path.replace(/\/$/, '') : path;
}

function invalid(message: string): DmError {
  return new DmError('usage', 'INVALID_MOUNT', message);
}

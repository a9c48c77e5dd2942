/** Step 6: the directory of a dot appears at its mountpoint. */

import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asDmError, DmError, errno, isDmError } from '../lib/errors.ts';
import { dotDataset } from '../model/layout.ts';
import { type DotAddress, MASTER, printable } from '../model/names.ts';
import { isCover } from '../system/cover.ts';
import { bindApart, mountsAt, unmount, withMountLock } from '../system/mounts.ts';
import type { PreparedMount } from '../wire/methods.ts';
import type { Context, ServerClient } from './context.ts';
import { dotError } from './dot.ts';
import { findAt, isWanted, mountVerdict, type Wanted } from './mountpoint.ts';
import type { Target } from './options.ts';

const PREPARE_MS = 60_000;
const PROBE_MS = 20_000;

/**
 * Has the server make the dot's directory ready and record the mount, then mounts it; a mount that fails is
 * forgotten again, so that the next start of a daemon does not try it.
 *
 * @throws DmError mount/…, dot/DOT_FAILED, zfs/ZFS_HUNG
 */
export async function exposeDot(
  pool: string,
  target: Target,
  address: DotAddress,
  client: Pick<ServerClient, 'call'>,
  adapters: Context['adapters'],
): Promise<'mounted' | 'kept'> {
  const prepared = await prepare(target, address, client);
  if (prepared.Fault !== '') throw dotError(address, new Error(prepared.Fault));
  try {
    return await expose(pool, prepared, adapters);
  } catch (error) {
    // Mounted, but slow to answer: it stays, and so does its record.
    if (isDmError(error, 'ZFS_HUNG')) throw error;
    await client.call('ForgetMount', { Mountpoint: target.mountpoint }).catch(() => undefined);
    throw error;
  }
}

async function prepare(
  target: Target,
  address: DotAddress,
  client: Pick<ServerClient, 'call'>,
): Promise<PreparedMount> {
  const params = {
    Namespace: address.namespace,
    Name: address.name,
    Branch: address.branch || (address.pinned ? MASTER : ''),
    Subdot: address.subdot,
    Owner: target.owner,
    Mode: target.mode,
    Mountpoint: target.mountpoint,
  };
  try {
    return await client.call('PrepareMount', params, { timeoutMs: PREPARE_MS });
  } catch (error) {
    throw dotError(address, error);
  }
}

/**
 * Mounts what the server made ready. Looks, acts and looks again under the machine's mount lock.
 *
 * @throws DmError mount/NOT_VISIBLE, mount/MOUNT_FAILED, what mountVerdict throws, zfs/ZFS_HUNG
 */
export async function expose(
  pool: string,
  prepared: PreparedMount,
  adapters: Pick<Context['adapters'], 'probeFiles'>,
): Promise<'mounted' | 'kept'> {
  const { Mountpoint: mountpoint, Path: path } = prepared;
  const wanted = { pool, dataset: dotDataset(pool, prepared.FilesystemId), subdot: prepared.Subdot };
  const outcome = await withMountLock(async () => {
    const found = await findAt(mountpoint);
    const verdict = mountVerdict(mountpoint, found, wanted);
    if (verdict === 'keep') return 'kept';
    const made = verdict === 'make-and-mount' ? await makeMountpoint(mountpoint) : undefined;
    try {
      // A cover stays below: between its end and the mount everybody could write there.
      await bindApart(path, mountpoint);
      await checkVisible(mountpoint, wanted);
    } catch (error) {
      await takeBack(mountpoint, made);
      throw error;
    }
    return 'mounted';
  });
  await adapters.probeFiles(mountpoint, PROBE_MS);
  return outcome;
}

async function makeMountpoint(mountpoint: string): Promise<string> {
  try {
    await makeDirectories(mountpoint);
    return mountpoint;
  } catch (error) {
    const text = `The mountpoint ${printable(mountpoint)} can not be made: ${asDmError(error).message}`;
    throw new DmError('mount', 'MOUNTPOINT_UNUSABLE', text, {
      hint: 'When it lies in the mountpoint of another dot, that one has to be mounted first.',
      cause: error,
    });
  }
}

/** One by one: with `recursive`, Node calls a read-only filesystem ENOENT. */
async function makeDirectories(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (errno(error) === 'EEXIST') return;
    if (errno(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectories(dirname(path));
    await mkdir(path, { mode: 0o755 });
  }
}

/**
 * mount(8) said yes; that the right directory is seen there is another matter (a pool that went, a stale
 * path).
 */
async function checkVisible(mountpoint: string, wanted: Wanted): Promise<void> {
  const top = (await mountsAt(mountpoint)).at(-1);
  if (top && isWanted(top, wanted)) return;
  const seen = top ? `${top.source} (its directory ${top.root})` : 'nothing';
  throw new DmError(
    'mount',
    'NOT_VISIBLE',
    `After mounting ${wanted.dataset ?? wanted.pool}, ${seen} is seen at ${printable(mountpoint)}.`,
  );
}

/** The mountpoint as it was before: open, covered, or not there. Best effort, after another error. */
async function takeBack(mountpoint: string, made: string | undefined): Promise<void> {
  const top = (await mountsAt(mountpoint)).at(-1);
  if (top && !isCover(top)) await unmount(mountpoint).catch(() => undefined);
  if (made !== undefined) await rmdir(made).catch(() => undefined);
}

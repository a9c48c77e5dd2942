/**
 * A rollback destroys several filesystems and snapshots: a mark on the filesystem says that it was decided, so that one
 * that was cut is finished at the next start.
 */

import { asDmError, isDmError } from '../lib/errors.ts';
import { PROPERTY } from '../model/layout.ts';
import type { Context } from './context.ts';
import { type Entry, fullName } from './registry.ts';
import { withRoom } from './room.ts';

/** A full pool may have no room for the mark; a rollback makes room. */
export async function setMark(context: Context, entry: Entry, commit: string): Promise<void> {
  entry.marked = true;
  const mark = { [PROPERTY.rollback]: commit };
  await withRoom(context, () => context.zfs.set(entry.dataset, mark)).catch(error => {
    if (!isDmError(error, 'NO_SPACE')) throw error;
    const { dataset } = entry;
    context.log.warn({ dataset }, 'no space to mark the rollback: a power cut may stop it half way');
  });
}

/** @throws what ZFS does: as long as the mark is there, nothing may be committed that the next start would undo */
export async function clearMark(context: Context, entry: Entry): Promise<void> {
  if (!entry.marked) return;
  await context.zfs.inherit(entry.dataset, [PROPERTY.rollback]);
  entry.marked = false;
}

/** For whoever has done his work: the next commit tries again. */
export async function tryClearMark(context: Context, entry: Entry): Promise<void> {
  await clearMark(context, entry).catch(error => {
    const facts = { dot: fullName(entry), reason: asDmError(error).message };
    context.log.error(
      facts,
      'the mark of a rollback can not be taken away: nothing is committed before it is',
    );
  });
}

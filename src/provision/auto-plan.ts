/**
 * `--storage-device=auto`: which disks are meant, decided from what all disks of the machine carry. Pure.
 *
 *   disks with our pool                               these
 *   else a disk that can not be read                  refuse: our pool may be on it
 *   else a blank disk, and a trace of another pool    refuse: it may be ours
 *   else one blank disk, and the wait is over         this one, for a new pool
 *   else                                              refuse, with what was seen on each
 *
 * A blank disk never stands in for a pool that is not to be seen: an application would start on an empty directory.
 */

import type { DmError } from '../lib/errors.ts';
import { POOL_MARK } from '../model/layout.ts';
import { noDisk, notAlone, severalBlank, unreadableAmongDisks } from './auto-errors.ts';
import type { DiskFacts } from './auto-skip.ts';
import { ANY_POOL, UNREADABLE_POOL } from './device-content.ts';
import { MINIMUM_DEVICE_BYTES } from './device-errors.ts';
import { EDGE_BYTES } from './edges.ts';
import { planPool } from './pool-plan.ts';
import { EXPORTED } from './pool-state.ts';
import type { DeviceState } from './survey.ts';

/** A disk, and what was seen of it. */
export type Sight = { disk: Pick<DiskFacts, 'path' | 'sizeBytes'> } & (
  | { skip: string }
  /** `late`: it may be readable in a moment. */
  | { unreadable: string; late: boolean }
  /** `spare`: why it does not get a new pool, though one that is on it counts. */
  | { state: DeviceState; spare: string | undefined }
);
type Read = Extract<Sight, { state: DeviceState }>;

export interface AutoRequest {
  poolName: string;
  /** Whether labels tell our pools from others (Capabilities.poolComment); else the name has to do. */
  marks: boolean;
}

export type Choice =
  | {
      do: 'take';
      states: DeviceState[] /** For a new pool. */;
      blank: boolean /** As far as it goes. */;
      complete: boolean;
    }
  /** `mayChange`: another disk would change it. */
  | { do: 'refuse'; error: DmError; mayChange: boolean };

export function planAuto(request: AutoRequest, sights: readonly Sight[]): Choice {
  const free = sights.filter((sight): sight is Read => 'state' in sight && sight.state.users.length === 0);
  const ours = free.filter(({ state }) => carries(state, request, true)).map(({ state }) => state);
  if (ours.length > 0) {
    const plan = planPool({ poolName: request.poolName, storageSizeBytes: 0, force: false }, ours);
    // What else is wrong with it, the plan of the pool says.
    const complete = plan.do !== 'refuse' || plan.error.code !== 'POOL_MISSING_DEVICE';
    return { do: 'take', states: ours, blank: false, complete };
  }
  const unreadable = sights.find(sight => 'unreadable' in sight);
  if (unreadable)
    return { do: 'refuse', error: unreadableAmongDisks(unreadable), mayChange: unreadable.late };

  const blanks = free.filter(sight => blankVerdict(sight, request.poolName) === undefined);
  const doubtful = free.filter(({ state }) => isDoubtful(state, request));
  const [blank, ...more] = blanks;
  if (!blank) return { do: 'refuse', error: noDisk(reasons(sights, request)), mayChange: true };
  if (doubtful.length > 0) {
    const error = notAlone(
      blanks.map(({ disk }) => disk),
      reasons(doubtful, request),
    );
    return { do: 'refuse', error, mayChange: true };
  }
  if (more.length > 0)
    return { do: 'refuse', error: severalBlank(blanks.map(({ disk }) => disk)), mayChange: true };
  return { do: 'take', states: [blank.state], blank: true, complete: true };
}

/**
 * What becomes of a choice while there is time to wait (`--wait-device`). The disks of the pool are taken at once; a
 * blank one only when the time has passed: the pool's own disk may be the one that comes late.
 *
 * @returns undefined: look again when something has changed
 */
export function settle(choice: Choice, isOver: boolean): Choice | undefined {
  if (isOver) return choice;
  if (choice.do === 'refuse') return choice.mayChange ? undefined : choice;
  return choice.blank || !choice.complete ? undefined : choice;
}

/** Whether a live pool of the wanted name is on it, made by us (`marked`) or by whomever. */
function carries({ content }: DeviceState, { poolName, marks }: AutoRequest, marked: boolean): boolean {
  return content.labels.some(
    label =>
      label.state <= EXPORTED &&
      label.poolName === poolName &&
      (!marked || !marks || label.comment === POOL_MARK),
  );
}

/**
 * A pool of the name that is not marked, one of ours by another name, one that can not be read, or our partition
 * with something in it that is no pool.
 */
function isDoubtful(state: DeviceState, request: AutoRequest): boolean {
  const { content, use } = state;
  if (carries(state, request, false) || content.found.includes(UNREADABLE_POOL)) return true;
  if (content.labels.some(label => label.state <= EXPORTED && label.comment === POOL_MARK)) return true;
  return use === 'partition' && content.labels.length === 0 && !isUnused(state, request.poolName);
}

function isUnused({ content }: DeviceState, poolName: string): boolean {
  return content.found.length === 0 || content.unborn === ANY_POOL || content.unborn === poolName;
}

/** Why a disk that was read is not a blank one to take; undefined when it is. */
function blankVerdict({ state, spare, disk }: Read, poolName: string): string | undefined {
  if (state.users.length > 0) return `in use: ${state.users.join(', ')}`;
  if (!isUnused(state, poolName)) return `it carries ${state.content.found.join(', ')}`;
  if (state.readOnly) return 'it is read-only';
  if (spare !== undefined) return spare;
  const bytes = state.use === 'partition' ? state.sizeBytes + EDGE_BYTES : disk.sizeBytes;
  return bytes < MINIMUM_DEVICE_BYTES ? 'it is too small' : undefined;
}

/** `/dev/sda: it carries …`, of each disk that is not taken, in order. */
export function reasons(sights: readonly Sight[], { poolName }: Pick<AutoRequest, 'poolName'>): string[] {
  return sights.flatMap(sight => {
    const why =
      'skip' in sight
        ? sight.skip
        : 'unreadable' in sight
          ? `it can not be read: ${sight.unreadable}`
          : blankVerdict(sight, poolName);
    return why === undefined ? [] : [`${sight.disk.path}: ${why}`];
  });
}

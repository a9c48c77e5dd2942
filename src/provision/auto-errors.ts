/** Refusals of `--storage-device=auto`: each lists what was seen, and says what to name. */

import { DmError } from '../lib/errors.ts';
import type { DiskFacts } from './auto-skip.ts';
import { gibibytes } from './block.ts';

type Seen = Pick<DiskFacts, 'path' | 'sizeBytes'>;

const sized = (disks: readonly Seen[]) =>
  disks.map(({ path, sizeBytes }) => `${path} (${gibibytes(sizeBytes)})`).join(', ');

export function severalBlank(disks: readonly Seen[]): DmError {
  const message = `There are ${disks.length} blank disks: ${sized(disks)}.`;
  return new DmError('device', 'AUTO_SEVERAL_DISKS', message, {
    hint: 'Name the one that is meant with --storage-device.',
    data: { devices: disks.map(({ path }) => path) },
  });
}

export function noDisk(reasons: readonly string[]): DmError {
  const why = reasons.length > 0 ? ` ${reasons.join('; ')}.` : ' This machine has no disks.';
  return new DmError('device', 'AUTO_NO_DISK', `No disk has the pool, and none is blank.${why}`, {
    hint: 'Attach a blank disk, give one that comes late more time with --wait-device, or name the device.',
    data: { reasons: [...reasons] },
  });
}

export function notAlone(blank: readonly Seen[], doubtful: readonly string[]): DmError {
  const message = `${sized(blank)} is blank, but the pool may be elsewhere: ${doubtful.join('; ')}.`;
  return new DmError('device', 'AUTO_AMBIGUOUS', message, {
    hint: 'Name the device that is meant with --storage-device, or the pool with --pool-name.',
    data: { blank: blank.map(({ path }) => path), doubtful: [...doubtful] },
  });
}

export function unreadableAmongDisks({ disk, unreadable }: { disk: Seen; unreadable: string }): DmError {
  const message = `${disk.path} can not be read, so the pool may be on it: ${unreadable}`;
  return new DmError('device', 'DEVICE_UNREADABLE', message, {
    hint: 'Name the device that is meant with --storage-device, or take the broken one away.',
    data: { device: disk.path },
  });
}

/** Refusals of devices: each names the device as the user wrote it, and what to do. */

import { DmError } from '../lib/errors.ts';
import { gibibytes } from './block.ts';

/** Less than this is refused: etcd's reservation, ZFS's own share and the copies of labels leave nothing for a dot. */
export const MINIMUM_DEVICE_BYTES = 256 * 2 ** 20;

export function deviceMissing(named: string, disks: readonly string[]): DmError {
  return new DmError('device', 'DEVICE_MISSING', `There is no device ${named}.`, {
    hint: disks.length > 0 ? `This machine has ${disks.join(', ')}.` : 'This machine has no disks.',
    data: { device: named },
  });
}

export function deviceTooSmall(named: string, bytes: number): DmError {
  const minimum = gibibytes(MINIMUM_DEVICE_BYTES);
  return new DmError(
    'device',
    'DEVICE_TOO_SMALL',
    `${named} has ${gibibytes(bytes)}, and a device needs at least ${minimum}.`,
    { hint: `Give a device or --storage-size of at least ${minimum}.`, data: { device: named, bytes } },
  );
}

export function deviceReadOnly(named: string): DmError {
  return new DmError('device', 'DEVICE_READ_ONLY', `${named} is read-only.`, {
    hint: 'Attach it for writing, or give another device.',
    data: { device: named },
  });
}

export function deviceInUse(named: string, users: readonly string[]): DmError {
  return new DmError('device', 'DEVICE_IN_USE', `${named} is in use: ${users.join(', ')}.`, {
    hint: 'Free it first, or give another device; --force does not take a device from its user.',
    data: { device: named, users },
  });
}

export function deviceUnreadable(named: string, cause: unknown): DmError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DmError('device', 'DEVICE_UNREADABLE', `${named} can not be read: ${reason}`, {
    hint: 'See the kernel log (dmesg); a device that can not be read is not used, --force or not.',
    data: { device: named },
    cause,
  });
}

export function deviceNotBlank(named: string, found: readonly string[]): DmError {
  return new DmError('device', 'DEVICE_NOT_BLANK', `${named} is not blank: it carries ${found.join(', ')}.`, {
    hint: 'Give another device, or --force to wipe this one: what is on it is then lost.',
    data: { device: named, found },
  });
}

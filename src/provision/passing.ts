/**
 * Failures that may pass by themselves, for `--on-failure=wait`: the table of docs/dm-linuxkit.md. Everything else
 * needs a person, or would be refused again in the same words. Pure.
 */

import { asDmError, type Kind } from '../lib/errors.ts';

/** Of these kinds every code: a deadline passed, somebody else is at work, a program did not come up. */
const KINDS: readonly Kind[] = ['timeout', 'locked', 'services'];

/** What can not come by itself although its kind may: a program that the image does not have. */
const NEVER = ['ETCD_MISSING', 'ETCD_UNSUPPORTED', 'SERVER_MISSING'];

const CODES: readonly string[] = [
  // A disk that is attached after the boot has begun, or not recognised yet.
  'DEVICE_MISSING',
  'DEVICE_IN_USE',
  'DEVICE_UNREADABLE',
  'NVME_WITHOUT_NAMESPACE',
  'AUTO_NO_DISK',
  'AUTO_SEVERAL_DISKS',
  'AUTO_AMBIGUOUS',
  'PARTITION_MISSING',
  // A member of the pool that comes late, a pool that another host has still or somebody is just exporting.
  'POOL_ACTIVE',
  'POOL_BUSY',
  'POOL_FOREIGN',
  'POOL_INCOMPLETE',
  'POOL_MISSING',
  'POOL_MISSING_DEVICE',
  'POOL_UNUSABLE',
  // The module is loaded later, or ZFS does not answer.
  'ZFS_HUNG',
  'ZFS_MISSING',
  'DATASET_BUSY',
  'UNMOUNT_BUSY',
];

/** Whether another try may end better. */
export function mayPass(error: unknown): boolean {
  const { kind, code } = asDmError(error);
  return CODES.includes(code) || (KINDS.includes(kind) && !NEVER.includes(code));
}

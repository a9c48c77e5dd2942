/** Refusals of `zpool create`, `import` and `export`: their sentences mean more than those of other commands. */

import { DmError, isDmError } from '../lib/errors.ts';
import { saidIn } from './errors.ts';

/** Errors that keep their own code, whatever was tried. */
const GENERAL = ['ZFS_MISSING', 'ZFS_DENIED', 'ZFS_HUNG', 'COMMAND_TIMED_OUT'];

const IN_USE =
  /is part of|in use|contains a|already mounted|is mounted|currently mounted|busy|refer to the same device|override/;
/** zpool_main.c show_import and libzfs zpool_import_props, for a pool with `multihost` on. */
const ACTIVE = /currently imported|currently in use|is imported on/;
const FOREIGN = /previously in use from another system|may be in use from other system|last accessed by/i;
/** OpenZFS: `Last accessed by NAME (hostid=HEX) at`; zfs-fuse: `last accessed by NAME (hostid: 0xHEX) on`. */
const LAST_HOST = /accessed by (.*?) \(hostid[=:] ?(?:0x)?([0-9a-f]+)\)/i;
/** `no such pool or dataset` is OpenZFS's word for a pool that was found, but not all of its top-level vdevs. */
const INCOMPLETE =
  /devices? (is|are) (currently )?(unavailable|missing)|missing device|no such device in pool|no such pool or dataset/;

/** @returns pool/POOL_CREATE_FAILED or device/DEVICE_IN_USE with the words of ZFS, or the general error as it is */
export function createError(error: unknown, pool: string, devices: readonly string[]): unknown {
  if (!isDmError(error) || GENERAL.includes(error.code)) return error;
  const said = saidIn(error);
  const details = { data: { pool, devices, said }, cause: error };
  // `pool already exists` must not read as a device in use.
  if (IN_USE.test(said) && !/pool already exists/.test(said)) {
    return new DmError('device', 'DEVICE_IN_USE', `ZFS refuses ${devices.join(', ')}: ${said}`, {
      hint: 'Give devices that carry nothing.',
      ...details,
    });
  }
  return new DmError('pool', 'POOL_CREATE_FAILED', `The pool ${pool} can not be created: ${said}`, details);
}

/** @returns pool/POOL_ACTIVE, POOL_FOREIGN, POOL_INCOMPLETE, POOL_MISSING or POOL_IMPORT_FAILED */
export function importError(error: unknown, pool: string): unknown {
  if (!isDmError(error) || GENERAL.includes(error.code)) return error;
  const said = saidIn(error);
  const details = { data: { pool, said }, cause: error };
  if (/no such pool available/.test(said)) return new DmError('pool', 'POOL_MISSING', error.message, details);
  if (ACTIVE.test(said)) {
    return new DmError('pool', 'POOL_ACTIVE', `The pool ${pool} is in use by another machine now.`, {
      hint: 'Export it there (zpool export), then try again.',
      ...details,
    });
  }
  if (FOREIGN.test(said)) {
    const [, hostName = '', hostId = ''] = LAST_HOST.exec(said) ?? [];
    const data = { ...details.data, hostName, hostId: hostId.padStart(8, '0') };
    const who = hostId && ` (${hostName}, hostid ${data.hostId})`;
    const message = `The pool ${pool} was last used by another machine${who} and never exported.`;
    return new DmError('pool', 'POOL_FOREIGN', message, { data, cause: error });
  }
  if (INCOMPLETE.test(said)) {
    return new DmError('pool', 'POOL_INCOMPLETE', `The pool ${pool} lacks devices: ${said}`, {
      hint: 'Attach the missing devices and try again.',
      ...details,
    });
  }
  return new DmError('pool', 'POOL_IMPORT_FAILED', `The pool ${pool} can not be imported: ${said}`, details);
}

/** @returns pool/POOL_BUSY, or the error as it is */
export function exportError(error: unknown, pool: string): unknown {
  if (!isDmError(error, 'DATASET_BUSY')) return error;
  return new DmError('pool', 'POOL_BUSY', `The pool ${pool} is in use and can not be exported.`, {
    hint: 'Stop the programs that have files open on it and try again.',
    data: { pool, said: saidIn(error) },
    cause: error,
  });
}

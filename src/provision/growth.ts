/** Whether a device of an imported pool has grown, and how far our partition may then reach. Pure. */

const MIB = 2 ** 20;
/** Alignment, the second copy of the table, and what ZFS keeps for itself at the edges make less than this. */
const WORTH_BYTES = 16 * MIB;

export interface Place {
  diskBytes: number;
  startBytes: number;
  sizeBytes: number;
}

/**
 * The size in bytes that the only partition of a disk gets when the disk is larger than it was: to the last whole MiB
 * before the second copy of the table, as sfdisk aligns a new one. Undefined when that is not worth writing a table.
 */
export function enlargedSize({ diskBytes, startBytes, sizeBytes }: Place): number | undefined {
  const end = Math.floor((diskBytes - MIB) / MIB) * MIB;
  const size = end - startBytes;
  return size - sizeBytes >= WORTH_BYTES ? size : undefined;
}

/** Whether ZFS uses less of a device than there is; `recordedBytes` is what its label says. */
export function hasRoom(sizeBytes: number, recordedBytes: number | undefined): boolean {
  return recordedBytes !== undefined && sizeBytes - recordedBytes >= WORTH_BYTES;
}

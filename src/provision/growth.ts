/** Whether devices of an imported pool have grown, and how far our partition may then reach. Pure. */

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
  const size = largestSize(diskBytes, startBytes);
  return size - sizeBytes >= WORTH_BYTES ? size : undefined;
}

/** Bytes of a partition that begins at `startBytes` and takes the rest of the disk. */
export function largestSize(diskBytes: number, startBytes: number): number {
  return Math.floor((diskBytes - MIB) / MIB) * MIB - startBytes;
}

/** A top-level vdev of a pool: one device, or several that hold the same data. */
export interface Vdev {
  /** `disk`, `file`, `mirror`, `raidz`, as its label says. */
  type: string;
  /** What its label says that ZFS uses of it; undefined when that is not known. */
  recordedBytes: number | undefined;
  /** What each of its devices has now. */
  sizes: readonly number[];
}

/** Whether ZFS would use more of it: the smallest of its devices decides. */
export function hasRoom({ type, recordedBytes, sizes }: Vdev): boolean {
  if (recordedBytes === undefined || sizes.length === 0) return false;
  const used = usedOfEach(type, recordedBytes, sizes.length);
  return used !== undefined && Math.min(...sizes) - used >= WORTH_BYTES;
}

/** Undefined for a kind whose record is not understood (draid). */
function usedOfEach(type: string, recordedBytes: number, devices: number): number | undefined {
  switch (type) {
    case 'disk':
    case 'file':
    case 'mirror':
      return recordedBytes;
    // Of all its devices together, parity included.
    case 'raidz':
      return recordedBytes / devices;
    default:
      return undefined;
  }
}

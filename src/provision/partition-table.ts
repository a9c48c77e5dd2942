/** Partition tables as `sfdisk --json` prints them, and which partition of a disk is a pool's. Pure. */

/** GPT type "Solaris /usr & Apple ZFS", which OpenZFS gives its partitions as well. */
export const ZFS_TYPE = '6A898CC3-1DD2-11B2-99A6-080020736631';
/** The 8 MiB at the end of a disk that OpenZFS partitioned itself. */
const RESERVED_TYPE = '6A945A3B-1DD2-11B2-99A6-080020736631';
export const PARTITION_NAME = 'dotmesh';
/** Where our partition begins. */
export const START_BYTES = 2 ** 20;

export interface TableEntry {
  /** Path as sfdisk guesses it. */
  node: string;
  /** In sectors. */
  start: number;
  size: number;
  type: string;
  name?: string;
}

export interface Table {
  label: string;
  sectorsize?: number;
  partitions?: TableEntry[];
}

export function parseTable(stdout: string): Table {
  return (JSON.parse(stdout) as { partitiontable: Table }).partitiontable;
}

/**
 * The kernel's name (`sda1`) of the one partition that is meant when the user names the whole disk: the one that we
 * made, or that OpenZFS made for a whole disk. Undefined when the table is anything else.
 * `ours`: the table is exactly what we write, so a blank partition in it is what a power cut left.
 */
export function poolPartition(table: Table): { name: string; ours: boolean } | undefined {
  const parts = table.partitions ?? [];
  if (table.label !== 'gpt') return undefined;
  const zfs = parts.filter(part => part.type.toUpperCase() === ZFS_TYPE);
  const rest = parts.filter(part => part.type.toUpperCase() !== ZFS_TYPE);
  const [only] = zfs;
  if (!only || zfs.length > 1 || rest.some(part => part.type.toUpperCase() !== RESERVED_TYPE))
    return undefined;
  const name = only.node.replace(/^\/dev\//, '');
  return { name, ours: rest.length === 0 && only.name === PARTITION_NAME };
}

/** What sfdisk(8) reads: one partition over the whole disk, from 1 MiB on, which is its own default. */
export const SFDISK_SCRIPT = `label: gpt\ntype=${ZFS_TYPE}, name="${PARTITION_NAME}"\n`;

/** The same for a partition that is known, its place in sectors of the disk. */
export function sfdiskScript(place: { start: number; size: number; uuid: string | undefined }): string {
  const { start, size, uuid } = place;
  const id = uuid === undefined ? '' : `, uuid=${uuid}`;
  return `label: gpt\nstart=${start}, size=${size}, type=${ZFS_TYPE}, name="${PARTITION_NAME}"${id}\n`;
}

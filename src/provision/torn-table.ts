/**
 * A partition table of ours whose writing was cut off: sfdisk writes entries at the end of the disk, their header, the
 * entries at its beginning, their header, the protective MBR (UEFI specification §5.3.2); a power cut leaves some of
 * them. Such a disk is as blank as before, provided that it carries nothing but pieces of just our table. Pure.
 */

import { type Edges, isZero } from './edges.ts';
import { PARTITION_NAME } from './partition-table.ts';

/** ZFS_TYPE as it lies on the disk: the first three groups little-endian. */
const TYPE_BYTES = Buffer.from('c38c896ad21db21199a6080020736631', 'hex');
const NAME_BYTES = Buffer.from(PARTITION_NAME, 'utf16le');
const ENTRY = 128;
const ENTRIES = 128 * ENTRY;
const NAME_AT = 56;

/** Whether the edges hold pieces of our table, at least its one entry once, and else zeroes. */
export function isTornTable(edges: Edges): boolean {
  return [512, 4096].some(sector => isTorn(edges, sector));
}

export interface OurEntry {
  startBytes: number;
  sizeBytes: number;
  /** Of the partition, as sfdisk(8) reads one. */
  uuid: string;
}

/** What either copy of the entries says when it holds our one entry alone, the first copy before the second. */
export function ourEntry({ first, last }: Pick<Edges, 'first' | 'last'>): OurEntry | undefined {
  for (const sector of [512, 4096]) {
    const atEnd = last.length - sector - ENTRIES;
    if (atEnd < 0) continue;
    const copies = [first.subarray(2 * sector, 2 * sector + ENTRIES), last.subarray(atEnd, atEnd + ENTRIES)];
    const entry = copies.find(isOurs);
    if (!entry) continue;
    const [start, end] = [entry.readBigUInt64LE(32), entry.readBigUInt64LE(40)];
    const sizeBytes = Number(end + 1n - start) * sector;
    return { startBytes: Number(start) * sector, sizeBytes, uuid: uuidOf(entry.subarray(16, 32)) };
  }
  return undefined;
}

/** The first three groups lie little-endian on the disk. */
function uuidOf(bytes: Buffer): string {
  const little = (from: number, to: number) =>
    Buffer.from(bytes.subarray(from, to)).reverse().toString('hex');
  const rest = bytes.toString('hex', 8);
  return [little(0, 4), little(4, 6), little(6, 8), rest.slice(0, 4), rest.slice(4)].join('-');
}

function isTorn({ first, last, sizeBytes }: Edges, sector: number): boolean {
  const atEnd = last.length - sector - ENTRIES;
  if (atEnd < 0) return false;
  const copies = (begin: Buffer, end: Buffer) =>
    [begin.subarray(2 * sector, 2 * sector + ENTRIES), end.subarray(atEnd, atEnd + ENTRIES)].filter(isOurs);
  if (copies(first, last).length === 0) return false;
  const [begin, end] = [Buffer.from(first), Buffer.from(last)];
  for (const entries of copies(begin, end)) entries.fill(0);
  begin.fill(0, 446, 512);
  for (const header of [begin.subarray(sector, 2 * sector), end.subarray(end.length - sector)]) {
    if (header.toString('latin1', 0, 8) === 'EFI PART') header.fill(0);
  }
  return isZero({ first: begin, last: end }) && sizeBytes >= 2 * begin.length;
}

function isOurs(entries: Buffer): boolean {
  const name = entries.subarray(NAME_AT, ENTRY);
  return (
    entries.subarray(0, 16).equals(TYPE_BYTES) &&
    name.subarray(0, NAME_BYTES.length).equals(NAME_BYTES) &&
    [name.subarray(NAME_BYTES.length), entries.subarray(ENTRY)].every(rest => rest.every(byte => byte === 0))
  );
}

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

/** Whether either copy of the entries holds our one entry alone. */
export function hasOurEntry({ first, last }: Pick<Edges, 'first' | 'last'>): boolean {
  return [512, 4096].some(sector => {
    const atEnd = last.length - sector - ENTRIES;
    const copies = [first.subarray(2 * sector, 2 * sector + ENTRIES), last.subarray(atEnd, atEnd + ENTRIES)];
    return atEnd >= 0 && copies.some(isOurs);
  });
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

/** Whether a GPT on a disk is whole: both copies sound, alike, and where they belong. UEFI specification §5.3.2. Pure. */

import { crc32 } from 'node:zlib';
import type { Edges } from './edges.ts';

const SIGNATURE = 'EFI PART';
const SMALLEST_HEADER = 92;

interface Copy {
  /** Of the partition entries. */
  crc: number;
  diskGuid: string;
}

/** True only for a disk whose copies lie in its first and its last sector but the protective MBR. */
export function isTableWhole(edges: Edges): boolean {
  return [512, 4096].some(sector => {
    const lastSector = edges.sizeBytes / sector - 1;
    const [first, last] = [readCopy(edges, sector, 1, lastSector), readCopy(edges, sector, lastSector, 1)];
    return first !== undefined && first.crc === last?.crc && first.diskGuid === last.diskGuid;
  });
}

/** The copy whose header is in sector `at` and names sector `other` for the other one; undefined when it is damaged. */
function readCopy(edges: Edges, sector: number, at: number, other: number): Copy | undefined {
  const header = bytesAt(edges, at * sector, sector);
  if (header?.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) return undefined;
  const size = header.readUInt32LE(12);
  if (size < SMALLEST_HEADER || size > sector) return undefined;
  const unsummed = Buffer.from(header.subarray(0, size));
  unsummed.writeUInt32LE(0, 16);
  if (crc32(unsummed) !== header.readUInt32LE(16)) return undefined;
  if (Number(header.readBigUInt64LE(24)) !== at || Number(header.readBigUInt64LE(32)) !== other)
    return undefined;
  const crc = header.readUInt32LE(88);
  const length = header.readUInt32LE(80) * header.readUInt32LE(84);
  const entries = bytesAt(edges, Number(header.readBigUInt64LE(72)) * sector, length);
  if (!entries || crc32(entries) !== crc) return undefined;
  return { crc, diskGuid: header.toString('hex', 56, 72) };
}

/** Bytes of the disk, as far as they lie within one of its edges. */
function bytesAt({ first, last, sizeBytes }: Edges, position: number, length: number): Buffer | undefined {
  if (position + length <= first.length) return first.subarray(position, position + length);
  const inLast = position - (sizeBytes - last.length);
  return inLast >= 0 && inLast + length <= last.length ? last.subarray(inLast, inLast + length) : undefined;
}

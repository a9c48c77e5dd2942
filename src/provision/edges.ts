/**
 * The first and the last bytes of a device, where partition tables, signatures and ZFS labels are, and what they
 * tell without asking ZFS: whether they are blank, and the uberblocks, ZFS's record of each transaction group.
 * `zdb -l` prints the text of a label, which changes with the pool's configuration only; a pool in use is seen by
 * its uberblocks. Source: "ZFS On-Disk Specification" §1.2–1.3; uberblock_impl.h and vdev_label.c of OpenZFS.
 */

import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { isDmError } from '../lib/errors.ts';
import { within } from '../lib/retry.ts';
import { run } from '../system/run.ts';

/** Covers a partition table and the edges of the one partition that we would make (1 MiB inwards). */
export const EDGE_BYTES = 4 * 2 ** 20;
const LABEL = 256 * 2 ** 10;
/** The ring of uberblocks is the second half of a label. */
const RING = 128 * 2 ** 10;
/** The smallest slot of the ring. */
const SLOT = 1024;
const UBERBLOCK_MAGIC = 0x00bab10cn;
/** With the time to kill the reader, a disk that hangs is known within 10 s. */
const READ_MS = 9_000;
const FLUSH_MS = 60_000;
/** Of one read(2) of dd. */
const LARGEST_BLOCK = 2 ** 20;

export interface Edges {
  sizeBytes: number;
  first: Buffer;
  last: Buffer;
}

/**
 * Reads the edges of a device or file.
 * @throws Error with the reason: of Node or dd (EIO…), or that the device gives no answer
 */
export async function readEdges(path: string, sizeBytes: number): Promise<Edges> {
  if (!(await stat(path)).isBlockDevice()) return readFileEdges(path, sizeBytes);
  const length = Math.min(EDGE_BYTES, sizeBytes);
  const first = await readBlock(path, 0, length);
  return { sizeBytes, first, last: await readBlock(path, sizeBytes - length, length) };
}

/** In a child: a read that hangs in the kernel would keep this process from ending, as it holds one of its threads. */
async function readBlock(path: string, position: number, length: number): Promise<Buffer> {
  let block = LARGEST_BLOCK;
  while (position % block !== 0 || length % block !== 0) block /= 2;
  const range = [`bs=${block}`, `skip=${position / block}`, `count=${length / block}`];
  const { stdout } = await run(['dd', `if=${path}`, ...range], { timeoutMs: READ_MS, binary: true }).catch(
    (error: unknown) => {
      throw isDmError(error)
        ? new Error(reasonOf(error.code, error.data['stderr']), { cause: error })
        : error;
    },
  );
  if (stdout.length < length) throw new Error('it ends before the size it states');
  return Buffer.from(stdout, 'latin1');
}

function reasonOf(code: string, stderr: unknown): string {
  if (code === 'COMMAND_TIMED_OUT') return `it gives no answer within ${READ_MS / 1000} s`;
  return String(stderr ?? code).split('\n', 1)[0] ?? code;
}

async function readFileEdges(path: string, sizeBytes: number): Promise<Edges> {
  const file = await open(path, 'r');
  try {
    const part = async (position: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(Math.min(EDGE_BYTES, sizeBytes));
      const done = await within(file.read(buffer, 0, buffer.length, position), READ_MS);
      if (!done) throw new Error(`it gives no answer within ${READ_MS / 1000} s`);
      if (done.bytesRead < buffer.length) throw new Error('it ends before the size it states');
      return buffer;
    };
    const first = await part(0);
    return { sizeBytes, first, last: await part(Math.max(0, sizeBytes - EDGE_BYTES)) };
  } finally {
    // Not waited for: the close of a device that hangs does not come back either.
    file.close().catch(() => undefined);
  }
}

/** Drops what this machine remembers of a block device: another machine may have written to it meanwhile. */
export async function forgetCached(path: string): Promise<void> {
  await run(['blockdev', '--flushbufs', path], { timeoutMs: FLUSH_MS });
}

const ZEROES = Buffer.alloc(64 * 2 ** 10);

export function isZero({ first, last }: Pick<Edges, 'first' | 'last'>): boolean {
  return [first, last].every(part => {
    for (let at = 0; at < part.length; at += ZEROES.length) {
      const end = Math.min(part.length, at + ZEROES.length);
      if (part.compare(ZEROES, 0, end - at, at, end) !== 0) return false;
    }
    return true;
  });
}

/** The four rings of uberblocks, as far as the device is large enough to have them. */
function rings({ sizeBytes, first, last }: Edges): Buffer[] {
  const aligned = sizeBytes - (sizeBytes % LABEL);
  const inLast = aligned - 2 * LABEL - (sizeBytes - last.length);
  const cut = (part: Buffer, label: number) => part.subarray(label + RING, label + LABEL);
  return [cut(first, 0), cut(first, LABEL), cut(last, inLast), cut(last, inLast + LABEL)];
}

/** The highest transaction group in any uberblock; 0 when none was ever written. */
export function newestTxg(edges: Edges): bigint {
  return newestIn(rings(edges));
}

/** The same of what begins `startBytes` into the device, as far as its first two labels lie within the edge. */
export function newestTxgAt({ first }: Pick<Edges, 'first'>, startBytes: number): bigint {
  const part = first.subarray(startBytes, startBytes + 2 * LABEL);
  return part.length < 2 * LABEL
    ? 0n
    : newestIn([part.subarray(RING, LABEL), part.subarray(LABEL + RING, 2 * LABEL)]);
}

function newestIn(parts: readonly Buffer[]): bigint {
  let newest = 0n;
  for (const ring of parts) {
    for (let at = 0; at + SLOT <= ring.length; at += SLOT) {
      const little = ring.readBigUInt64LE(at) === UBERBLOCK_MAGIC;
      if (!little && ring.readBigUInt64BE(at) !== UBERBLOCK_MAGIC) continue;
      const txg = little ? ring.readBigUInt64LE(at + 16) : ring.readBigUInt64BE(at + 16);
      if (txg > newest) newest = txg;
    }
  }
  return newest;
}

/** Changes with every transaction group and with every beat of multihost. */
export function uberblockDigest(edges: Edges): string {
  const hash = createHash('sha256');
  for (const ring of rings(edges)) hash.update(ring);
  return hash.digest('hex');
}

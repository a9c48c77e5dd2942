/** Whether a file is the same in two states of a dot. */

import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { bounded } from './bounded.ts';
import type { Pinned } from './pinned.ts';

export type Kind = 'folder' | 'file' | 'link' | 'other';

export function kindOf(stat: BigIntStats): Kind {
  if (stat.isDirectory()) return 'folder';
  if (stat.isFile()) return 'file';
  return stat.isSymbolicLink() ? 'link' : 'other';
}

/**
 * What never had its inode changed is the same; what differs in size, mode or owner is not. A time alone proves nothing
 * (touch, or a copy that keeps times): then the content decides. So it does for what was changed in the second of the
 * older state, since then the time of change need not tell (zfs-fuse counts it in seconds).
 *
 * @param since when the older state was made, in whole seconds since 1970
 */
export async function isSameFile(
  before: { folder: Pinned; stat: BigIntStats },
  after: { folder: Pinned; stat: BigIntStats },
  name: { before: string; after: string },
  since: number,
): Promise<boolean> {
  const [a, b] = [before.stat, after.stat];
  const isUntouched = a.ino === b.ino && a.ctimeNs === b.ctimeNs && a.size === b.size;
  if (isUntouched && a.ctimeNs < BigInt(since) * 1_000_000_000n) return true;
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  const kind = kindOf(a);
  if (kind === 'other') return a.rdev === b.rdev;
  if (a.size !== b.size) return false;
  if (kind === 'link') {
    return (await before.folder.link(name.before)).equals(await after.folder.link(name.after));
  }
  const left = await before.folder.file(name.before);
  try {
    const right = await after.folder.file(name.after);
    try {
      return await sameContent(left, right);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

const CHUNK = 1 << 18;
const readBounded = bounded((file: FileHandle, into: Buffer, at: number) => file.read(into, 0, CHUNK, at));

async function sameContent(left: FileHandle, right: FileHandle): Promise<boolean> {
  const [a, b] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
  for (let at = 0; ; ) {
    const [x, y] = await Promise.all([readBounded(left, a, at), readBounded(right, b, at)]);
    if (x.bytesRead !== y.bytesRead) return false;
    if (x.bytesRead === 0) return true;
    if (!a.subarray(0, x.bytesRead).equals(b.subarray(0, y.bytesRead))) return false;
    at += x.bytesRead;
  }
}

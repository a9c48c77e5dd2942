/** A pool without room. */

import { open } from 'node:fs/promises';
import { errno } from '../../src/lib/errors.ts';

/** Writes until there is no room, in small pieces at the end. */
export async function fill(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    for (const size of [2 ** 20, 2 ** 14, 512]) {
      const piece = Buffer.alloc(size);
      for (;;) {
        crypto.getRandomValues(piece.subarray(0, Math.min(size, 65_536)));
        await file.appendFile(piece);
        if (size > 512) await file.datasync();
      }
    }
  } catch (error) {
    if (errno(error) !== 'ENOSPC') throw error;
  } finally {
    await file.close().catch(() => undefined);
  }
}

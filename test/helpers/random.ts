/** Random choices that can be made again: everything comes from one seed, which a failure names and SEED gives again. */

import { randomInt } from 'node:crypto';

/** SEED as it was given (any word; the runner makes and prints one), or a new one. */
export const SEED = process.env['SEED'] || String(randomInt(2 ** 31));

/** Numbers in [0, 1) that depend on the seed and the label alone, not on what was drawn for others. */
export function randomFor(label: string): () => number {
  let state = hash(`${SEED}/${label}`);
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}

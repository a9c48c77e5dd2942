/** When a service that died is started again, and when that is given up. Pure. */

/** Times of its last deaths in a row, milliseconds of one clock, oldest first. */
export type Deaths = readonly number[];

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 10_000;
/** Who lived that long has recovered: what happens then is a new story. */
const HEALTHY_AFTER_MS = 60_000;
const TOO_MANY = 5;
const TOO_MANY_WITHIN_MS = 120_000;

/**
 * @param deaths what the last verdict said, [] at first
 * @param upMs how long it had been up
 */
export function afterDeath(
  deaths: Deaths,
  { now, upMs }: { now: number; upMs: number },
): { deaths: Deaths; delayMs: number } | 'give-up' {
  const row = [...(upMs >= HEALTHY_AFTER_MS ? [] : deaths), now];
  if (row.filter(at => now - at <= TOO_MANY_WITHIN_MS).length >= TOO_MANY) return 'give-up';
  return { deaths: row, delayMs: Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (row.length - 1)) };
}

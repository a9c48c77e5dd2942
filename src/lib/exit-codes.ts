/** How an error ends a program: one exit code per kind (docs/exit-codes.md), and what is printed then. */

import { asDmError, type Kind } from './errors.ts';

export const EXIT_CODES: Readonly<Record<Kind, number>> = {
  internal: 1,
  usage: 2,
  device: 3,
  pool: 4,
  services: 5,
  dot: 6,
  mount: 7,
  timeout: 8,
  locked: 9,
  secrets: 10,
  denied: 11,
  zfs: 12,
  // What a shell reports for a program that SIGINT ended.
  interrupted: 130,
};

/** The exit code for anything that was thrown; what is no DmError is a fault of ours (1). */
export function exitCodeOf(error: unknown): number {
  return EXIT_CODES[asDmError(error).kind];
}

/** `error: sentence`, and a second line with the hint when there is one. No trailing newline. */
export function explain(error: unknown): string {
  const { message, hint } = asDmError(error);
  return hint === undefined ? `error: ${message}` : `error: ${message}\n${hint}`;
}

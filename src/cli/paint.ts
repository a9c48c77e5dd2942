/** Colours: on a terminal, and not where NO_COLOR (https://no-color.org) says that none are wanted. */

import type { Io } from './command.ts';

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

export function painter({ stdout, env }: Io): Paint {
  const wanted = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return (colour, text) => (wanted ? `\u001b[${CODES[colour]}m${text}\u001b[39m` : text);
}

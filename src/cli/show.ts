/** The three forms of a result: for people, with -H for scripts, with --json for programs. */

import type { Context } from './command.ts';
import { exact } from './print.ts';

type Field = string | number;

export interface Shown {
  /** One document, documented in docs/dm.md. */
  json: unknown;
  /** With -H: TAB-separated lines. Default none. */
  fields?: Field[][];
  /** For people, safe for a terminal. Default nothing. */
  text?: string;
}

export function show({ flags, print }: Context, { json, fields = [], text = '' }: Shown): void {
  if (flags.has('json')) print(`${JSON.stringify(json)}\n`);
  else if (flags.has('scripting')) print(asFields(fields));
  else print(text);
}

function asFields(lines: readonly Field[][]): string {
  return lines.map(line => `${line.map(field => exact(String(field))).join('\t')}\n`).join('');
}

/**
 * Reading properties so that no value can pass for a row.
 *
 * A user property may hold anything, newlines and tabs too, and `zfs get -H` prints it as it is: a value
 * `x\npool/dmfs/other\tdm-linuxkit:namespace\tlocal\tadmin` looks like a row about another dot. But properties
 * asked for by name are printed in the order asked. So between every two we ask for one that nobody has, with a
 * random name: its rows frame the values, and cannot be foreseen.
 */

import { randomBytes } from 'node:crypto';
import { sharing } from './command.ts';

export interface Row {
  name: string;
  property: string;
  source: string;
  value: string;
}

/** Columns of every `zfs get -H` here. */
export const COLUMNS = 'name,property,source,value';

export interface Framed {
  /** For `zfs get`: the properties with the frame between them. */
  list: string;
  parse(stdout: string): Row[];
}

/** Frames a list of properties, native or user ones. */
export function framed(
  properties: readonly string[],
  frame = `dm-linuxkit:frame-${randomBytes(12).toString('hex')}`,
): Framed {
  return {
    list: [frame, ...properties.flatMap(property => [property, frame])].join(','),
    parse: stdout => {
      const own = sharing();
      return between(stdout, frame).flatMap(row => parseRow(row, own) ?? []);
    },
  };
}

/** The texts between rows of the frame. */
function between(stdout: string, frame: string): string[] {
  const found: string[] = [];
  const separator = `\t${frame}\t`;
  let from = 0;
  for (let at = stdout.indexOf(separator); at !== -1; at = stdout.indexOf(separator, from)) {
    const lineStart = stdout.lastIndexOf('\n', at) + 1;
    if (lineStart > from) found.push(stdout.slice(from, lineStart - 1));
    const lineEnd = stdout.indexOf('\n', at);
    from = lineEnd === -1 ? stdout.length : lineEnd + 1;
  }
  if (from < stdout.length) found.push(stdout.slice(from));
  return found;
}

function parseRow(text: string, own: (text: string) => string): Row | undefined {
  const match = /^([^\t\n]+)\t([^\t\n]+)\t([^\t\n]+)\t(.*)$/s.exec(text);
  if (!match) return undefined;
  const [, name = '', property = '', source = '', value = ''] = match;
  return { name: own(name), property: own(property), source: own(source), value: own(value) };
}

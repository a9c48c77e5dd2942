/**
 * Reading user properties so that no value can pass for a row.
 *
 * A user property may hold anything, newlines and tabs too, and `zfs get -H` prints it as it is: a value
 * `x\npool/dmfs/other\tdm-linuxkit:namespace\tlocal\tadmin` looks like a row about another dot. Two ways around it:
 *
 * - Properties asked for by name are printed in the order asked. Between every two we ask for one that nobody has,
 *   with a random name: its rows frame the values, and cannot be foreseen (`framed`).
 * - `get all` can not be framed. There the same question is asked without the value column first; what that prints
 *   can not be forged, and tells which rows of the second answer are true (`trueRows`).
 */

import { randomBytes } from 'node:crypto';
import { lines } from './command.ts';

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
    parse: stdout => between(lines(stdout), frame).flatMap(row => parseRow(row.join('\n')) ?? []),
  };
}

/** The groups of lines between rows of the frame. */
function between(all: readonly string[], frame: string): string[][] {
  const groups: string[][] = [[]];
  for (const line of all) {
    if (line.split('\t')[1] === frame) groups.push([]);
    else groups.at(-1)?.push(line);
  }
  return groups.filter(group => group.length > 0);
}

function parseRow(text: string): Row | undefined {
  const match = /^([^\t\n]+)\t([^\t\n]+)\t([^\t\n]+)\t(.*)$/s.exec(text);
  if (!match) return undefined;
  const [, name = '', property = '', source = '', value = ''] = match;
  return { name, property, source, value };
}

/**
 * Rows of `get -o name,property,source,value all`, with `skeleton`, the answer to the same without the value.
 * A row of the skeleton is in the answer for certain. When a line of the answer begins like it only once, that is
 * the row; when more than once, somebody put such a line into a value. A value ends where the next true row
 * begins, so it is sure only when both are. The others come back as `doubtful`, to be asked for one by one. Pure.
 */
export function trueRows(skeleton: string, answer: string): { rows: Row[]; doubtful: Omit<Row, 'value'>[] } {
  const expected = lines(skeleton).flatMap(line => parseRow(`${line}\t`) ?? []);
  const places = new Map<string, number[]>();
  const all = lines(answer);
  all.forEach((line, at) => {
    const prefix = line.split('\t', 3).join('\t');
    const at1 = places.get(prefix);
    if (at1) at1.push(at);
    else places.set(prefix, [at]);
  });
  const starts = expected.map(({ name, property, source }) => {
    const found = places.get(`${name}\t${property}\t${source}`) ?? [];
    return found.length === 1 ? found[0] : undefined;
  });
  const rows: Row[] = [];
  const doubtful: Omit<Row, 'value'>[] = [];
  expected.forEach(({ name, property, source }, at) => {
    const start = starts[at];
    const end = at + 1 < expected.length ? starts[at + 1] : all.length;
    const row =
      start !== undefined && end !== undefined ? parseRow(all.slice(start, end).join('\n')) : undefined;
    if (row) rows.push(row);
    else doubtful.push({ name, property, source });
  });
  return { rows, doubtful };
}

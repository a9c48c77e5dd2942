/** What a commit says about itself, from and to the texts that people type and read. CLI reference §1.7. */

import { DmError } from '../lib/errors.ts';
import { printable } from './names.ts';

/** Nanoseconds since 1970 as decimal text (a commit's `timestamp`) in ISO 8601, to the second; undefined for others. */
export function isoDate(nanoseconds: string | undefined): string | undefined {
  if (nanoseconds === undefined || !/^\d{1,19}$/.test(nanoseconds)) return undefined;
  // The last nine digits are parts of a second, which no double could hold beside the rest.
  const seconds = Number(nanoseconds.slice(0, -9));
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`;
}

/**
 * `--metadata` as it was given, each time once: items are separated by commas, and an item that stands in double
 * quotes keeps its commas (`""` is a quote in it), as in the original. What stands after the first `=` is the value.
 *
 * @throws DmError usage/BAD_METADATA with the original's messages
 */
export function parseMetadata(given: readonly string[]): Record<string, string> {
  const pairs = given.flatMap(splitItems).map((item): [string, string] => {
    const at = item.indexOf('=');
    if (at === -1) {
      throw badMetadata(`Each metadata value must be a name=value pair: ${printable(item)}`);
    }
    // An empty key crashes the original server.
    if (at === 0) {
      throw badMetadata(`Metadata field names must start with lowercase characters: ${printable(item)}`);
    }
    return [item.slice(0, at), item.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

const QUOTED = /^"((?:[^"]|"")*)"(?:,|$)/;

function splitItems(text: string): string[] {
  const items: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const [whole, quoted] = QUOTED.exec(rest) ?? [];
    const comma = rest.indexOf(',');
    const plain = comma === -1 ? rest : rest.slice(0, comma);
    items.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    rest = rest.slice(whole?.length ?? plain.length + 1);
  }
  return items;
}

function badMetadata(message: string): DmError {
  return new DmError('usage', 'BAD_METADATA', message);
}

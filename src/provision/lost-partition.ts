/**
 * Where our partition is although no copy of the table can be read, since a power cut ended its enlargement: there is a
 * pool at just that place. It is shown to the kernel only; who imports the pool writes the table again. Pure.
 */

import { type Content, GPT_WORDS, UNKNOWN_DATA } from './device-content.ts';
import { type Edges, newestTxgAt } from './edges.ts';
import { largestSize } from './growth.ts';
import type { Extent } from './partition.ts';
import { START_BYTES, type Table } from './partition-table.ts';
import { ourEntry } from './torn-table.ts';

const WORDS = [GPT_WORDS, UNKNOWN_DATA];

/** @param table as sfdisk reads it; a GPT that it can read is not lost, whatever is in it */
export function lostPartition(
  table: Pick<Table, 'label'> | undefined,
  { found, labels }: Pick<Content, 'found' | 'labels'>,
  edges: Edges,
): Extent | undefined {
  if (table?.label === 'gpt' || labels.length > 0) return undefined;
  if (found.length === 0 || !found.every(each => WORDS.includes(each))) return undefined;
  const entry = ourEntry(edges);
  const startBytes = entry?.startBytes ?? START_BYTES;
  if (newestTxgAt(edges, startBytes) === 0n) return undefined;
  const largest = largestSize(edges.sizeBytes, startBytes);
  return { startBytes, sizeBytes: Math.min(entry?.sizeBytes ?? largest, largest) };
}

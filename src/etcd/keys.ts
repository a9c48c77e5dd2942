/** How keys, ranges and changes look in etcd's JSON gateway: pure. etcd API reference v3.4, "KV service". */

import type { Change } from './index.ts';

export const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

/**
 * The end of the range that holds everything below `prefix`: the prefix with its last byte one higher. `\0`
 * means "to the end", which is right for the empty prefix and for one of 0xff bytes only.
 */
export function rangeEnd(prefix: string): string {
  const bytes = Buffer.from(prefix, 'utf8');
  let last = bytes.length - 1;
  while (last >= 0 && bytes[last] === 0xff) last--;
  if (last < 0) return Buffer.from([0]).toString('base64');
  const end = Buffer.from(bytes.subarray(0, last + 1));
  end[last] = (end[last] ?? 0) + 1;
  return end.toString('base64');
}

export function toOperation(change: Change): Record<string, unknown> {
  if ('put' in change) {
    return { request_put: { key: toBase64(change.put.key), value: toBase64(change.put.value) } };
  }
  if ('delete' in change) return { request_delete_range: { key: toBase64(change.delete) } };
  const prefix = change.deletePrefix;
  const key = prefix === '' ? Buffer.from([0]).toString('base64') : toBase64(prefix);
  return { request_delete_range: { key, range_end: rangeEnd(prefix) } };
}

/** etcd takes 128 operations and 1.5 MiB in one transaction (`--max-txn-ops`, `--max-request-bytes`). */
const MAX_OPERATIONS = 100;
const MAX_BYTES = 500_000;

/**
 * Cuts changes into transactions, keeping their order. etcd refuses one that touches a key twice
 * ("duplicate key given in txn request"), so such a second touch begins the next.
 */
export function batches(changes: readonly Change[]): Change[][] {
  const all: Change[][] = [];
  let batch: Change[] = [];
  let touched = new Set<string>();
  let prefixes: string[] = [];
  let bytes = 0;
  for (const change of changes) {
    const key = keyOf(change);
    const isPrefix = 'deletePrefix' in change;
    const clashes =
      touched.has(key) ||
      prefixes.some(prefix => key.startsWith(prefix)) ||
      (isPrefix && [...touched, ...prefixes].some(other => other.startsWith(key)));
    const size = key.length + ('put' in change ? Buffer.byteLength(change.put.value) : 0);
    if (batch.length > 0 && (clashes || batch.length >= MAX_OPERATIONS || bytes + size > MAX_BYTES)) {
      all.push(batch);
      batch = [];
      touched = new Set();
      prefixes = [];
      bytes = 0;
    }
    batch.push(change);
    bytes += size;
    if (isPrefix) prefixes.push(key);
    else touched.add(key);
  }
  if (batch.length > 0) all.push(batch);
  return all;
}

function keyOf(change: Change): string {
  if ('put' in change) return change.put.key;
  return 'delete' in change ? change.delete : change.deletePrefix;
}

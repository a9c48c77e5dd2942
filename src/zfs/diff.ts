/** What `zfs diff` prints, read: zfs-diff(8). */

import { dataset } from './arguments.ts';
import { lines, zfs } from './command.ts';
import type { DiffRow } from './index.ts';

/** It reads what has changed, not what is there; much may have changed. */
const DIFF_MS = 300_000;

/** `from`: a snapshot; `to`: a later one of the same filesystem or of a clone of it, or that filesystem as it is now. */
export async function diff(from: string, to: string): Promise<DiffRow[]> {
  const { stdout } = await zfs(['diff', '-F', '-H', dataset(from), dataset(to)], from, {
    timeoutMs: DIFF_MS,
  });
  return lines(stdout).flatMap(line => parseDiffLine(line) ?? []);
}

/** `M<TAB>F<TAB>/path`, `R<TAB>F<TAB>/old<TAB>/new`; a count of links may follow. Pure. */
export function parseDiffLine(line: string): DiffRow | undefined {
  const [change = '', kind = '', path = '', second = ''] = line.split('\t');
  if (!/^[-+MR]$/.test(change) || !path.startsWith('/') || path.includes('<xattrdir>')) return undefined;
  const isFolder = kind === '/';
  if (change !== 'R') return { change, isFolder, path: fromOctal(path) };
  return second.startsWith('/')
    ? { change, isFolder, path: fromOctal(second), from: fromOctal(path) }
    : undefined;
}

/** What is no printable ASCII, and the backslash, stands there as `\0ooo`, byte by byte; here as latin1. */
function fromOctal(text: string): string {
  const escaped = /\\0([0-3][0-7]{2})/g;
  return text.replace(escaped, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

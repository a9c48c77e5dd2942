/** Real output of both ZFS kinds, recorded once: OpenZFS 2.1.11 and zfs-fuse 0.7.0. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const KINDS = ['openzfs', 'zfs-fuse'] as const;
export type ZfsKind = (typeof KINDS)[number];

/** The recorded text without its last newline, as `run` gives it. */
export function fixture(kind: ZfsKind, name: string): string {
  const root = process.env['DM_ROOT'] ?? process.cwd();
  return readFileSync(join(root, 'test/fixtures/zfs', kind, `${name}.txt`), 'utf8').replace(/\n$/, '');
}

/** What each refused command said on stderr, by the name of the case. */
export function complaints(kind: ZfsKind): Map<string, string> {
  const parts = `\n${fixture(kind, 'errors')}`.split(/\n== /).slice(1);
  return new Map(parts.map(part => [part.split('\n')[0] ?? '', part.slice(part.indexOf('\n') + 1)]));
}

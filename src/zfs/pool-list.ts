/** Imported pools, from the two forms in which ZFS lists them. Pure. */

import type { Pool } from './index.ts';

/** `zpool list -Hp -o name,guid,size,free,health,readonly` of OpenZFS. */
export function parsePoolRows(text: string): Pool[] {
  return text.split('\n').flatMap(line => {
    const [name, guid = '', size = '', free = '', health = '', readonly = ''] = line.split('\t');
    if (!name) return [];
    // A pool that is FAULTED or UNAVAIL has `-` for its sizes.
    return {
      name,
      guid,
      health,
      sizeBytes: bytesOf(size),
      freeBytes: bytesOf(free),
      readonly: readonly === 'on',
    };
  });
}

/** `zpool get guid,size,free,health NAMES` of zfs-fuse: columns for people, sizes rounded to three digits. */
export function parsePoolColumns(text: string): Pool[] {
  const pools = new Map<string, Pool>();
  for (const line of text.split('\n').slice(1)) {
    const [name, property, value = ''] = line.trim().split(/\s+/);
    if (!name || !property) continue;
    const pool = pools.get(name) ?? {
      name,
      guid: '',
      health: '',
      sizeBytes: 0,
      freeBytes: 0,
      readonly: false,
    };
    pools.set(name, pool);
    if (property === 'guid') pool.guid = value;
    else if (property === 'health') pool.health = value;
    else if (property === 'size') pool.sizeBytes = bytesOf(value);
    else if (property === 'free') pool.freeBytes = bytesOf(value);
  }
  return [...pools.values()];
}

/** `117440512`, `123M`, `1.98T`; 0 for anything else. */
export function bytesOf(text: string): number {
  const match = /^([\d.]+)([BKMGTPEZ]?)$/.exec(text);
  if (!match) return 0;
  const power = Math.max(0, 'BKMGTPEZ'.indexOf(match[2] || 'B'));
  return Math.round(Number(match[1]) * 1024 ** power);
}

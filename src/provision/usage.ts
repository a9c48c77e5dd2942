/** Who uses a device or a file on this machine, in words for a message. Looks, changes nothing. */

import { constants } from 'node:fs';
import { open, readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from '../lib/errors.ts';
import { readIfThere } from '../system/files.ts';
import { mountTable } from '../system/mounts.ts';
import { type BlockFacts, blockFacts } from './block.ts';
import { identityOf } from './devices.ts';

/** A disk is in use when one of its partitions is; a partition, when its whole disk is. */
export async function usersOfBlock(facts: BlockFacts): Promise<string[]> {
  const disk = facts.disk === undefined ? undefined : await blockFacts(facts.disk);
  const numbers = new Set([facts.number, ...facts.partitions.map(part => part.number)]);
  if (facts.disk !== undefined) numbers.add(facts.disk);
  const users = facts.holders.map(holder => `part of /dev/${holder}`);
  const onDisk = (disk?.holders ?? []).filter(holder => !facts.holders.includes(holder));
  // Holders of sibling partitions are none of ours; a holder of the disk itself (multipath, RAID) has us too.
  const siblings = new Set<string>();
  for (const part of disk?.partitions ?? [])
    for (const holder of (await blockFacts(part.number))?.holders ?? []) siblings.add(holder);
  users.push(
    ...onDisk.filter(holder => !siblings.has(holder)).map(holder => `its disk is part of /dev/${holder}`),
  );
  for (const mount of await mountTable()) {
    const source = mount.source.startsWith('/dev/') ? await identityOf(mount.source) : undefined;
    if (numbers.has(mount.device) || (source && numbers.has(source.slice('block:'.length))))
      users.push(`mounted at ${mount.mountpoint}`);
  }
  for (const swap of await swaps()) {
    const identity = await identityOf(swap);
    if (identity && numbers.has(identity.slice('block:'.length))) users.push('swap space');
  }
  return [...new Set(users)];
}

export async function usersOfFile(path: string): Promise<string[]> {
  const identity = await identityOf(path);
  const users: string[] = [];
  for (const name of await readdir('/sys/block').catch(() => [])) {
    const backing = (await readIfThere(join('/sys/block', name, 'loop/backing_file')))?.trim();
    if (backing !== undefined && (await identityOf(backing)) === identity) users.push(`behind /dev/${name}`);
  }
  for (const swap of await swaps()) if ((await identityOf(swap)) === identity) users.push('swap space');
  return users;
}

/**
 * The kernel lets only one exclusive owner have a block device (open(2) O_EXCL): a mount in another mount namespace,
 * RAID, a ZFS pool. Read-only, so nothing happens to it; only for one that was read before, since opening may hang.
 */
export async function isClaimed(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK);
    await file.close();
    return false;
  } catch (error) {
    if (errno(error) === 'EBUSY') return true;
    throw error;
  }
}

async function swaps(): Promise<string[]> {
  const lines = (await readFile('/proc/swaps', 'utf8').catch(() => '')).split('\n').slice(1);
  const paths = lines.map(line => line.split(/\s+/)[0] ?? '').filter(path => path !== '');
  return Promise.all(paths.map(path => realpath(path).catch(() => path)));
}

/** The properties that our pools are created with. Pure. */

import { POOL_MARK, PROPERTY } from '../model/layout.ts';
import type { Capabilities } from '../zfs/index.ts';

/**
 * - `comment`: the mark, in the labels, so that it can be read without importing.
 * - `cachefile=none`: nothing but dm-linuxkit imports the pool at boot, before it has looked.
 * - `ashift=12`: disks that state 512-byte sectors and have 4 KiB ones are common, and it can not be changed later.
 * - `autoexpand`: a cloud disk that was enlarged.
 * - `failmode` stays at `wait`: a network disk that comes back goes on where it was, and a database that got EIO
 *   from fsync would not.
 * - `atime=off`: reading a received dataset would change it, and the next increment be refused.
 */
export function createProperties(capabilities: Capabilities): {
  pool: Record<string, string>;
  root: Record<string, string>;
} {
  const kernel = !capabilities.userSpace;
  return {
    pool: {
      ...(capabilities.poolComment ? { comment: POOL_MARK } : {}),
      ...(capabilities.expand ? { autoexpand: 'on' } : {}),
      ashift: '12',
      cachefile: 'none',
    },
    // zfs-fuse has no lz4; `on` is what each ZFS has had from its beginning.
    root: { atime: 'off', compression: kernel ? 'lz4' : 'on', [PROPERTY.pool]: POOL_MARK },
  };
}

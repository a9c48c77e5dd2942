/** Whether a pool is there already, for commands that neither import nor create one. */

import { isDmError } from '../lib/errors.ts';
import type { Pool, Pools, Zfs } from '../zfs/index.ts';
import type { Context } from './context.ts';

export interface Imported {
  pool: Pool;
  zfs: Zfs;
  pools: Pools;
}

/** Undefined when it is not imported; a machine without a ZFS that answers has none. @throws DmError zfs/ZFS_HUNG */
export async function importedPool(
  poolName: string,
  { adapters }: Pick<Context, 'adapters'>,
): Promise<Imported | undefined> {
  try {
    const { zfs, pools } = await adapters.connectZfs();
    const pool = (await pools.list()).find(({ name }) => name === poolName);
    return pool && { pool, zfs, pools };
  } catch (error) {
    if (isDmError(error, 'ZFS_MISSING')) return undefined;
    throw error;
  }
}

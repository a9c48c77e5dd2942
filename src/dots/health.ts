/** Whether the index and the pool answer, and how full the pool is. */

import type { Etcd } from '../etcd/index.ts';
import { asDmError } from '../lib/errors.ts';
import { within } from '../lib/retry.ts';
import type { Pools } from '../zfs/index.ts';
import type { Workshop } from './index.ts';

const LOOK_MS = 3000;
const USAGE_FRESH_MS = 60_000;
/** States in which files can not be read or written: zpoolconcepts(7). */
const DEAD = ['FAULTED', 'UNAVAIL', 'SUSPENDED', 'REMOVED', 'OFFLINE'];

export function createHealth({
  etcd,
  pools,
  pool,
}: {
  etcd: Etcd;
  pools: Pools;
  pool: string;
}): Pick<Workshop, 'check' | 'poolUsage'> {
  let usage: { percent: Promise<number>; at: number } | undefined;

  async function find() {
    const found = (await pools.list()).find(one => one.name === pool);
    if (!found) throw new Error(`the pool ${pool} is not there`);
    return found;
  }

  /** @returns '' or what is wrong with the pool */
  async function poolFault(): Promise<string> {
    try {
      const found = await within(find(), LOOK_MS);
      if (!found) return `no answer within ${LOOK_MS / 1000} s`;
      return DEAD.includes(found.health) ? `the pool ${pool} is ${found.health}` : '';
    } catch (error) {
      return asDmError(error).message;
    }
  }

  return {
    async check() {
      const [isHealthy, fault] = await Promise.all([etcd.healthy(LOOK_MS), poolFault()]);
      if (!isHealthy) return 'Error reading from etcd: it does not answer';
      return fault === '' ? '' : `Zpool error: ${fault}`;
    },
    async poolUsage() {
      if (!usage || performance.now() - usage.at > USAGE_FRESH_MS) {
        const percent = find().then(
          ({ sizeBytes, freeBytes }) => (100 * (sizeBytes - freeBytes)) / sizeBytes,
        );
        usage = { percent, at: performance.now() };
        percent.catch(() => {
          usage = undefined;
        });
      }
      return usage.percent;
    },
  };
}

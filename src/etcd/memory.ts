/** etcd in memory, for unit tests of the layers above; it keeps the contract of `index.ts`. */

import { DmError } from '../lib/errors.ts';
import type { Change, Etcd, KeyValue } from './index.ts';

export interface MemoryEtcd extends Etcd {
  /** While true, every call fails as with an etcd that is not there. */
  down: boolean;
  /** How many calls were answered, by method. */
  calls: Record<'list' | 'get' | 'apply', number>;
  /** Loses everything, as when the data directory is gone. */
  wipe(): void;
}

export function createMemoryEtcd(): MemoryEtcd {
  let values = new Map<string, string>();
  const calls = { list: 0, get: 0, apply: 0 };

  function answer(method: keyof typeof calls): void {
    if (etcd.down) {
      throw new DmError('services', 'ETCD_UNREACHABLE', 'etcd can not be reached: it is made to be down.');
    }
    calls[method]++;
  }

  const etcd: MemoryEtcd = {
    down: false,
    calls,
    wipe: () => {
      values = new Map();
    },
    async list(prefix) {
      answer('list');
      const found = [...values].filter(([key]) => key.startsWith(prefix));
      return found.map(([key, value]): KeyValue => ({ key, value })).sort(byBytes);
    },
    async get(key) {
      answer('get');
      return values.get(key);
    },
    async apply(changes) {
      answer('apply');
      for (const change of changes) applyOne(values, change);
    },
    healthy: async () => !etcd.down,
    close: () => undefined,
  };
  return etcd;
}

function byBytes(a: KeyValue, b: KeyValue): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

function applyOne(values: Map<string, string>, change: Change): void {
  if ('put' in change) values.set(change.put.key, change.put.value);
  else if ('delete' in change) values.delete(change.delete);
  else for (const key of values.keys()) if (key.startsWith(change.deletePrefix)) values.delete(key);
}

/** Pools that could be imported: what `zpool import -d` prints. Pure. */

import type { Importable } from './index.ts';
import { parseDevices } from './vdev-tree.ts';

/**
 * One block per pool, with `pool:`, `id:`, `state:`, then `status:`, `action:` and others where there is something to
 * say, folded over lines that begin with a tab, and at last `config:` with the tree. OpenZFS aligns the words at
 * their colons, zfs-fuse does so one column less.
 */
export function parseImportable(text: string): Importable[] {
  return text
    .split(/^ *pool: /m)
    .slice(1)
    .map(block => {
      const [head = '', config = ''] = block.split(/^ *config:.*$/m);
      const field = (name: string) => {
        const match = new RegExp(`^ *${name}: (.*(?:\\n\\t.*)*)`, 'm').exec(head);
        return (match?.[1] ?? '').replace(/\s+/g, ' ').trim();
      };
      return {
        name: (head.split('\n')[0] ?? '').trim(),
        guid: field('id'),
        state: field('state'),
        status: field('status'),
        action: field('action'),
        devices: parseDevices(config.split('\n')),
      };
    });
}

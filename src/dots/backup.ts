/**
 * Backup and restore of what ZFS does not hold: §2.1, §5.4. ZFS is the truth, so nothing that is on the pool is lost or
 * renamed by a restore; a filesystem that nobody could name gets the name that the backup has for it.
 */

import { DmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { mergeUsers, readBackup, writeBackup } from './backup-record.ts';
import type { Context } from './context.ts';
import type { Backup } from './index.ts';
import { allValues, readIndex } from './keyspace.ts';
import type { Survey } from './survey.ts';

const QUIET_WITHIN_MS = 10_000;

export function createBackup({ registry, store, index, nodeId, log }: Context, survey: Survey): Backup {
  return {
    dump: () => writeBackup(allValues(registry.all(), store.state, nodeId), new Date()),

    async restore(text) {
      const { users: records, values } = readBackup(text);
      if (!(await until(() => survey.look({ values, of: 'the backup' }), { deadlineMs: QUIET_WITHIN_MS }))) {
        throw new DmError('locked', 'BUSY', 'Dots are being worked on: nothing was restored.', {
          hint: 'Try again when that is done.',
        });
      }
      let faults: string[] = [];
      await store.change(state => {
        const merged = mergeUsers(state, records);
        faults = merged.faults;
        const known = new Set(merged.users.map(({ id }) => id));
        const shared = readIndex(values)
          .dots.filter(({ id }) => registry.byId(id)?.branch === '')
          .map(({ id, collaborators }) => [id, collaborators.filter(user => known.has(user))]);
        const collaborators = { ...state.collaborators, ...Object.fromEntries(shared) };
        return { ...state, users: merged.users, collaborators };
      });
      await index.sync();
      log.info({ users: records.length - faults.length }, 'a backup was restored');
      if (faults.length === 0) return;
      const message = `got error while importing backup: [${faults.join(' ')}]`;
      throw new DmError('usage', 'BACKUP_INCOMPLETE', message, { hint: 'All the rest was restored.' });
    },
  };
}

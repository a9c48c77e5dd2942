/** Backup and restore of users, collaborators and names. Wire reference §2.1. */

import type { MethodsOf } from './method.ts';

export const backupMethods: MethodsOf<'DumpEtcd' | 'RestoreEtcd'> = {
  DumpEtcd: { needs: 'admin', run: ({ workshop }) => workshop.backup.dump() },
  RestoreEtcd: {
    needs: 'admin',
    run: async ({ workshop }, { Dump }): Promise<false> => {
      await workshop.backup.restore(Dump);
      return false;
    },
  },
};

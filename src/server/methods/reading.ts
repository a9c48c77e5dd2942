/** Methods that read commits. Wire reference §2.1, §2.3; `DiffCommits`, `Status` and `Subdots` are ours. */

import type { MethodsOf } from './method.ts';

type Names = 'MountCommit' | 'LastModified' | 'Diff' | 'DiffCommits' | 'Status' | 'Subdots';

export const readingMethods: MethodsOf<Names> = {
  MountCommit: {
    needs: 'authenticated',
    run: ({ caller, workshop }, { FilesystemId, CommitId }) =>
      workshop.reading.mountCommit(caller, FilesystemId, CommitId),
  },
  LastModified: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, ref) => {
      const time = await workshop.reading.lastModified(caller, ref);
      // Without a fraction, as Go writes a whole second.
      return { Time: time.toISOString().replace(/\.\d+Z$/, 'Z') };
    },
  },
  Diff: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, { FilesystemID }) => ({
      Files: await workshop.reading.diffById(caller, FilesystemID),
    }),
  },
  DiffCommits: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, params) => ({
      Files: await workshop.reading.diffCommits(caller, params),
    }),
  },
  Status: {
    needs: 'authenticated',
    run: ({ caller, workshop }, ref) => workshop.reading.status(caller, ref),
  },
  Subdots: {
    needs: 'authenticated',
    run: ({ caller, workshop }, ref) => workshop.reading.subdots(caller, ref),
  },
};

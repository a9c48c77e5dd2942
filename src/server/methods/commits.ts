/** Methods about commits. Wire reference §2.1; History, Tag, Untag and PreviewRollback are ours. */

import type { MethodsOf } from './method.ts';

type Names =
  | 'Commit'
  | 'Commits'
  | 'CommitsById'
  | 'History'
  | 'Tag'
  | 'Untag'
  | 'PreviewRollback'
  | 'Rollback';

export const commitMethods: MethodsOf<Names> = {
  Commit: {
    needs: 'authenticated',
    run: ({ caller, workshop }, params) => workshop.commits.commit(caller, params),
  },
  Commits: { needs: 'authenticated', run: ({ caller, workshop }, ref) => workshop.commits.list(caller, ref) },
  CommitsById: {
    needs: 'authenticated',
    run: ({ caller, workshop }, id) => workshop.commits.listById(caller, id),
  },
  History: {
    needs: 'authenticated',
    run: ({ caller, workshop }, ref) => workshop.commits.history(caller, ref),
  },
  Tag: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, params): Promise<true> => {
      await workshop.commits.tag(caller, params);
      return true;
    },
  },
  Untag: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, params): Promise<true> => {
      await workshop.commits.untag(caller, params);
      return true;
    },
  },
  PreviewRollback: {
    needs: 'authenticated',
    run: ({ caller, workshop }, params) => workshop.commits.previewRollback(caller, params),
  },
  Rollback: {
    needs: 'admin',
    run: async ({ caller, workshop }, params): Promise<true> => {
      await workshop.commits.rollback(caller, params);
      return true;
    },
  },
};

/** Methods about branches. Wire reference §2.1; DeleteBranch, RenameBranch and RenameDot are ours. */

import type { MethodsOf } from './method.ts';

type Names =
  | 'Branches'
  | 'Branch'
  | 'DeleteBranch'
  | 'RenameBranch'
  | 'RenameDot'
  | 'Containers'
  | 'ContainersById'
  | 'GetReplicationLatencyForBranch'
  | 'ForceBranchMasterById';

export const branchMethods: MethodsOf<Names> = {
  Branches: {
    needs: 'authenticated',
    run: ({ caller, workshop }, ref) => workshop.branches.list(caller, ref),
  },
  Branch: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, params): Promise<true> => {
      await workshop.branches.create(caller, params);
      return true;
    },
  },
  DeleteBranch: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, ref): Promise<true> => {
      await workshop.branches.delete(caller, ref);
      return true;
    },
  },
  RenameBranch: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, params): Promise<true> => {
      await workshop.branches.rename(caller, params);
      return true;
    },
  },
  RenameDot: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, params): Promise<true> => {
      await workshop.branches.renameDot(caller, params);
      return true;
    },
  },
  Containers: {
    needs: 'authenticated',
    run: ({ caller, workshop }, ref) => workshop.branches.containers(caller, ref),
  },
  ContainersById: {
    needs: 'authenticated',
    run: ({ caller, workshop }, id) => workshop.branches.containersById(caller, id),
  },
  GetReplicationLatencyForBranch: {
    needs: 'admin',
    run: ({ caller, workshop }, ref) => workshop.branches.replicationLatency(caller, ref),
  },
  ForceBranchMasterById: {
    needs: 'authenticated',
    run: ({ caller, workshop }, params): true => {
      workshop.branches.forceMaster(caller, params);
      return true;
    },
  },
};

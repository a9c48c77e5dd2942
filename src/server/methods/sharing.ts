/** Methods about who else may use a dot. Wire reference §2.3. */

import { networkInterfaces } from 'node:os';
import { guessAddresses } from '../usage.ts';
import type { MethodsOf } from './method.ts';

export const sharingMethods: MethodsOf<'AddCollaborator' | 'RemoveCollaborator' | 'AllDotsAndBranches'> = {
  AddCollaborator: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, { MasterBranchID, Collaborator }): Promise<true> => {
      await workshop.sharing.add(caller, MasterBranchID, Collaborator);
      return true;
    },
  },
  RemoveCollaborator: {
    needs: 'authenticated',
    run: async ({ caller, workshop }, { MasterBranchID, Collaborator }): Promise<true> => {
      await workshop.sharing.remove(caller, MasterBranchID, Collaborator);
      return true;
    },
  },
  /** Empty lists are null, as Go writes them. */
  AllDotsAndBranches: {
    needs: 'authenticated',
    run: async ({ caller, workshop }) => {
      const dots = await workshop.sharing.dotsAndBranches(caller);
      return {
        Dots: dots.length > 0 ? dots : null,
        Servers: [{ Id: workshop.nodeId, Addresses: guessAddresses(networkInterfaces()) }],
      };
    },
  },
};

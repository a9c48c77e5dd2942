/** Methods about mounts on this machine. dm-linuxkit makes them, by methods of ours over the UNIX socket only. */

import type { MethodsOf } from './method.ts';

export const mountMethods: MethodsOf<
  'SwitchContainers' | 'Checkout' | 'PrepareMount' | 'Mounts' | 'ForgetMount'
> = {
  SwitchContainers: {
    needs: 'admin',
    run: async ({ caller, workshop }, { NewBranchName: Branch, ...ref }): Promise<true> => {
      await workshop.dots.checkOut(caller, { ...ref, Branch });
      return true;
    },
  },
  Checkout: { needs: 'admin', run: ({ caller, workshop }, ref) => workshop.dots.checkOut(caller, ref) },
  PrepareMount: {
    needs: 'admin',
    socketOnly: true,
    run: ({ workshop }, params) => workshop.dots.prepareMount(params),
  },
  Mounts: { needs: 'admin', socketOnly: true, run: ({ workshop }) => workshop.dots.mounts() },
  ForgetMount: {
    needs: 'admin',
    socketOnly: true,
    run: async ({ workshop }, { Mountpoint }): Promise<true> => {
      await workshop.dots.forgetMount(Mountpoint);
      return true;
    },
  },
};

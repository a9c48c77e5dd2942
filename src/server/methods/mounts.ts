/** Methods with which dm-linuxkit makes mounts on this machine. Ours, over the UNIX socket only. */

import type { MethodsOf } from './method.ts';

export const mountMethods: MethodsOf<'PrepareMount' | 'Mounts' | 'ForgetMount'> = {
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

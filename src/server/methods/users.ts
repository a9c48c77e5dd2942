/** Methods about the caller. Keys are stored hashed, so only who came with one can be told it. */

import { DmError } from '../../lib/errors.ts';
import type { MethodsOf } from './method.ts';

type Names = 'CurrentUser' | 'AuthenticatedUser' | 'GetApiKey' | 'ResetApiKey' | 'UpdatePassword';

export const userMethods: MethodsOf<Names> = {
  CurrentUser: { needs: 'authenticated', run: ({ caller }) => caller.user },
  AuthenticatedUser: { needs: 'password', run: ({ caller }) => caller.user },
  GetApiKey: {
    needs: 'authenticated',
    run: ({ caller }) => {
      if (caller.apiKey !== undefined) return { ApiKey: caller.apiKey };
      throw new DmError('secrets', 'API_KEY_HASHED', 'API keys are stored hashed and cannot be shown.', {
        hint: 'Use ResetApiKey to get a new one.',
      });
    },
  },
  ResetApiKey: {
    needs: 'password',
    run: async ({ caller, workshop }) => ({ ApiKey: await workshop.users.resetApiKey(caller.user.Id) }),
  },
  UpdatePassword: {
    needs: 'authenticated',
    run: ({ caller, workshop }, { NewPassword }) =>
      workshop.users.updatePassword(caller.user.Id, NewPassword),
  },
};

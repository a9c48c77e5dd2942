/** What a method of DotmeshRPC is, on the server's side. */

import type { Caller, Workshop } from '../../dots/index.ts';
import { ADMIN_ID } from '../../dots/index.ts';
import { DmError } from '../../lib/errors.ts';
import type { MethodName, Methods } from '../../wire/methods.ts';

/** Wire reference §1.5; what concerns one dot (owner, reader) is checked in the workshop. */
export type Needs = 'authenticated' | 'admin' | 'password';

export interface Call {
  caller: Caller;
  workshop: Workshop;
}

export interface Method<M extends MethodName> {
  needs: Needs;
  /** Ours: over TCP the method does not exist. */
  socketOnly?: true;
  run(call: Call, params: Methods[M]['params']): Methods[M]['result'] | Promise<Methods[M]['result']>;
}

/** The methods of one noun. */
export type MethodsOf<M extends MethodName> = { [K in M]: Method<K> };

/** @throws DmError denied/NOT_ADMIN, denied/PASSWORD_NEEDED with the original's messages */
export function checkPermission({ user, by }: Caller, needs: Needs): void {
  if (needs === 'admin' && user.Id !== ADMIN_ID) {
    throw new DmError('denied', 'NOT_ADMIN', `Userid ${user.Id} is not admin user`);
  }
  // Over the socket the machine's own root asks: a proof at least as good as the password.
  if (needs === 'password' && by === 'apikey') {
    throw new DmError('denied', 'PASSWORD_NEEDED', 'Password authentication is required for this method.');
  }
}

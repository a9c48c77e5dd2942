/** The file routes are for the namespace's own user and the admin: §1.5. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { ADMIN_ID, type Caller } from '../dots/index.ts';
import { identify } from './auth.ts';
import { replyError, replyUnauthorized } from './replies.ts';
import type { RpcContext } from './rpc.ts';

/** The caller when he passes; else he has been answered. Whether there is such a dot is not looked at. */
export async function namespaceAdmin(
  { door, workshop }: RpcContext,
  namespace: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<Caller | undefined> {
  const caller = await identify(req, door, workshop.users);
  if (caller === undefined) {
    replyUnauthorized(res);
    return undefined;
  }
  if (caller.user.Id === ADMIN_ID || caller.user.Name === namespace) return caller;
  replyError(res, 401, `User ${caller.user.Name} is not the administrator of namespace ${namespace}`);
  return undefined;
}

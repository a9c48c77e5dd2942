/** Who calls: HTTP Basic, a login and an API key or password. Wire reference §1.3. */

import type { IncomingMessage } from 'node:http';
import type { Caller, Users } from '../dots/index.ts';

/** `socket`: only root can open our UNIX socket, and who does is admin; what the headers say counts for nothing. */
export type Door = 'tcp' | 'socket';

/** The caller, or undefined when the credentials are missing or wrong. */
export async function identify(req: IncomingMessage, door: Door, users: Users): Promise<Caller | undefined> {
  if (door === 'socket') return users.admin();
  const credentials = readBasic(req.headers.authorization);
  return credentials && (await users.authenticate(credentials.login, credentials.secret));
}

/** Login and secret of an `Authorization` header; the secret may hold colons. */
export function readBasic(header: string | undefined): { login: string; secret: string } | undefined {
  const encoded = /^basic ([a-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { login: text.slice(0, colon), secret: text.slice(colon + 1) };
}

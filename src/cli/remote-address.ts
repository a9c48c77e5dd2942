/** `USER@HOST[:PORT]`, as `dm remote add` takes it. */

import { DmError } from '../lib/errors.ts';
import { printable } from '../model/names.ts';

export interface RemoteAddress {
  user: string;
  /** An IPv6 address keeps its brackets. */
  host: string;
  /** 0: to be found by asking. */
  port: number;
}

/**
 * A user may be an e-mail address, so the last `@` counts. The host is a name, an IPv4 address, or an IPv6
 * address in brackets.
 *
 * @throws DmError usage/BAD_REMOTE
 */
export function parseRemoteAddress(text: string): RemoteAddress {
  const match = /^([^:\s\u0000-\u001f]+)@(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(?::(.*))?$/s.exec(text);
  const [, user = '', host = '', portText] = match ?? [];
  const port = portText === undefined ? 0 : Number(portText);
  if (match && (portText === undefined || (/^\d+$/.test(portText) && port >= 1 && port <= 65535))) {
    return { user, host, port };
  }
  throw new DmError(
    'usage',
    'BAD_REMOTE',
    `'${printable(text)}' is no server: it should read USER@HOST[:PORT].`,
    {
      hint: 'The port is a number from 1 to 65535, and an IPv6 address stands in brackets.',
    },
  );
}

/** @throws DmError usage/BAD_REMOTE_NAME for what could not be typed or would be taken for a flag */
export function checkRemoteName(name: string): void {
  if (/^[^\s\u0000-\u001f\u007f/-][^\s\u0000-\u001f\u007f/]{0,99}$/u.test(name)) return;
  throw new DmError('usage', 'BAD_REMOTE_NAME', `'${printable(name)}' is no name for a remote.`, {
    hint: 'Use up to 100 characters without spaces and slashes, the first of them no dash.',
  });
}

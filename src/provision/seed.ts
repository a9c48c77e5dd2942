/** Where a dot's first contents would come from: the seed and the credentials for it, read and validated. */

import { isIPv6 } from 'node:net';
import { DmError } from '../lib/errors.ts';
import { type DotAddress, parseDotAddress, printable } from '../model/names.ts';
import { DEFAULT_PORT } from '../wire/methods.ts';
import { isPlaceholder } from './secrets.ts';

export interface Seed {
  host: string;
  port: number;
  address: DotAddress;
}

export interface Credentials {
  user: string;
  key: string;
}

/**
 * Reads `host[:port]/namespace/dot[@branch][.subdot]`; an IPv6 address stands in brackets.
 *
 * @throws DmError usage/BAD_SEED (what stands before an @ of the host, a key perhaps, is not repeated), usage/INVALID_NAME
 */
export function parseSeed(text: string): Seed {
  const match = /^(?:\[([^\]/]+)\]|([a-zA-Z0-9][a-zA-Z0-9.-]*))(?::(\d{1,5}))?\/([^/]+\/[^/]+)$/.exec(text);
  const [, six, name, digits, dot] = match ?? [];
  const host = six ?? name;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  const sound = port >= 1 && port <= 65535 && (six === undefined || isIPv6(six));
  if (host === undefined || dot === undefined || !sound) {
    throw new DmError(
      'usage',
      'BAD_SEED',
      `The seed "${printable(text.replace(/^.*@(?=[^/]*\/)/s, '…@'))}" can not be read.`,
      {
        hint: 'It should read host[:port]/namespace/dot[@branch][.subdot].',
      },
    );
  }
  return { host, port, address: parseDotAddress(dot) };
}

/**
 * Reads `user:key`: the key goes on after the first colon and may hold more of them; white space around the
 * whole (a trailing newline) does not count. The text is a secret: no part of it goes into a message.
 *
 * @param source where it came from, for the message
 * @throws DmError secrets/BAD_CREDENTIALS
 */
export function parseCredentials(text: string, source: string): Credentials {
  const trimmed = text.trim();
  const colon = trimmed.indexOf(':');
  const user = trimmed.slice(0, Math.max(0, colon));
  const key = trimmed.slice(colon + 1);
  if (isPlaceholder(key) || isPlaceholder(user))
    throw new DmError('secrets', 'BAD_CREDENTIALS', `${source} holds the placeholder of an example.`, {
      hint: 'Put the user and the API key on the remote there, as user:key.',
    });
  if (colon > 0 && key !== '' && !/[\0-\x1f\x7f]/.test(trimmed)) return { user, key };
  const fault =
    trimmed === '' ? 'is empty' : colon === -1 ? 'holds no colon' : 'does not hold one user and one key';
  throw new DmError('secrets', 'BAD_CREDENTIALS', `${source} ${fault}.`, {
    hint: 'It should hold user:key on one line.',
  });
}

/** Every seed, as long as push and pull are not there. Thrown before a disk, a pool or a service is touched. */
export function seedingComesLater({ host, address }: Seed): DmError {
  return new DmError(
    'usage',
    'SEED_UNSUPPORTED',
    `The dot ${address.name} can not start from ${host} yet: seeding comes with push and pull.`,
    { hint: 'Leave the seed out to start with an empty dot.' },
  );
}

/**
 * Values of flags as they are written: sizes, durations, owners, modes, addresses. Pure; all errors are
 * `usage`.
 */

import { isIPv6 } from 'node:net';
import { DmError } from '../lib/errors.ts';
import { printable } from '../model/names.ts';

const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** A timer of Node counts at most 2^31 ms; a day is more than any boot may take. */
const LONGEST_MS = 24 * 3_600_000;
/** (uid_t) -1 means "leave it" to chown(2). */
const LARGEST_ID = 2 ** 32 - 2;

/**
 * `10G`, `512M`, `512MiB`, or bytes without a unit; units count in 1024.
 *
 * @throws DmError usage/BAD_SIZE
 */
export function parseSize(flag: string, text: string): number {
  const match = /^(\d{1,15})([KMGT]?)(?:i?B)?$/i.exec(text);
  const bytes = match ? Number(match[1]) * (UNITS[(match[2] ?? '').toUpperCase()] ?? Number.NaN) : Number.NaN;
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw bad('BAD_SIZE', flag, text, 'a size', 'Write it as 10G or 512M.');
}

/**
 * A Go duration (`90s`, `5m`, `1h30m`, `1.5s`) or plain seconds, in milliseconds.
 *
 * @throws DmError usage/BAD_DURATION; also for 0 and for more than a day
 */
export function parseDuration(flag: string, text: string): number {
  const plain = /^\d+(\.\d+)?$/.test(text);
  const parts = plain ? [] : [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const whole = plain || (parts.length > 0 && parts.map(([part]) => part).join('') === text);
  const ms = plain
    ? Number(text) * 1000
    : parts.reduce((sum, [, count, unit]) => sum + Number(count) * (DURATION_UNITS[unit ?? ''] ?? 0), 0);
  if (whole && ms >= 1 && ms <= LONGEST_MS) return Math.round(ms);
  throw bad('BAD_DURATION', flag, text, 'a duration between 1ms and 24h', 'Write it as 90s, 5m or 1h30m.');
}

/**
 * `UID` or `UID:GID`, decimal.
 *
 * @throws DmError usage/BAD_OWNER; for a name with the reason why a number is wanted
 */
export function parseOwner(flag: string, text: string): string {
  const ids = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text);
  if (ids?.slice(1).every(id => id === undefined || Number(id) <= LARGEST_ID)) return text;
  throw bad(
    'BAD_OWNER',
    flag,
    text,
    'UID or UID:GID in digits',
    'A name means another user in another image; `id -u NAME`, run where the program runs, tells the number.',
  );
}

/**
 * Octal permissions such as `0750`.
 *
 * @throws DmError usage/BAD_MODE
 */
export function parseMode(flag: string, text: string): string {
  if (/^0?[0-7]{3}$/.test(text)) return text;
  throw bad('BAD_MODE', flag, text, 'three octal digits', 'Write it as 0750.');
}

export interface ListenAddress {
  /** '' is every interface; an IPv6 address without brackets. */
  host: string;
  port: number;
}

/**
 * `[HOST]:PORT`: `:32607`, `127.0.0.1:32607`, `[::1]:32607`.
 *
 * @throws DmError usage/BAD_ADDRESS
 */
export function parseListen(flag: string, text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([a-zA-Z0-9.-]*)):(\d{1,5})$/.exec(text);
  const [, six, host = '', digits] = match ?? [];
  const port = Number(digits);
  if (match && port >= 1 && port <= 65535 && (six === undefined || isIPv6(six)))
    return { host: six ?? host, port };
  throw bad('BAD_ADDRESS', flag, text, 'an address', 'Write it as :32607, 127.0.0.1:32607 or [::1]:32607.');
}

/** `parseListen` backwards; `off` for no address. */
export function formatListen(address: ListenAddress | undefined): string {
  if (address === undefined) return 'off';
  const { host, port } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function bad(code: string, flag: string, text: string, what: string, hint: string): DmError {
  return new DmError('usage', code, `--${flag}=${printable(text)} is not ${what}.`, { hint });
}

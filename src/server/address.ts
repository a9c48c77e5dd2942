/** Where to listen: `[HOST]:PORT`, an IPv6 host in brackets or none for all addresses. */

import { isIPv6 } from 'node:net';

export interface Address {
  /** undefined: all addresses. */
  host: string | undefined;
  port: number;
}

/** undefined when `text` does not read as an address. Port 0 lets the system choose one. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  if (match[1] !== undefined && !isIPv6(match[1])) return undefined;
  return { host: match[1] ?? (match[2] || undefined), port };
}

export function formatAddress({ host, port }: Address): string {
  return host?.includes(':') ? `[${host}]:${port}` : `${host ?? ''}:${port}`;
}

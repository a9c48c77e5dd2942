/**
 * Where a server is found: with a port, there; without, at the places that the original tries. Wire
 * reference §1.7.
 */

import { DmError } from '../lib/errors.ts';
import { DEFAULT_PORT } from '../wire/methods.ts';
import { connectionFailure, notDotmesh } from './failures.ts';
import { type Http, openHttp } from './http.ts';

/** A dotmesh server without credentials answers this. Wire reference §1.3. */
const UNAUTHORIZED = 'Unauthorized.';

/** A host as it stands in a URL: an IPv6 address gets its brackets. */
export function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** Origins to try, best first. A port always means plain http, as in the original. */
export function originsOf(host: string, port: number | undefined): string[] {
  const name = urlHost(host);
  if (port) return [`http://${name}:${port}`];
  return [`https://${name}:443`, `http://${name}:80`, `http://${name}:${DEFAULT_PORT}`];
}

/**
 * The first of `origins`, in their order, where a dotmesh server answers. All are asked at once and without
 * credentials: a key must not go in clear to whatever listens on port 80.
 *
 * @throws DmError services/UNREACHABLE that lists what each one said
 */
export async function findServer(origins: readonly string[], body: string, timeoutMs: number): Promise<Http> {
  const rest = new AbortController();
  const probes = origins.map(origin => probe(origin, body, timeoutMs, rest.signal));
  const errors: string[] = [];
  let chosen: Http | undefined;
  try {
    for (const asked of probes) {
      const found = await asked;
      if (!(found instanceof DmError)) {
        chosen = found;
        return found;
      }
      errors.push(found.message);
    }
  } finally {
    rest.abort();
    for (const asked of probes) {
      void asked.then(other => other === chosen || other instanceof DmError || other.close());
    }
  }
  throw new DmError(
    'services',
    'UNREACHABLE',
    `Unable to connect to any of the addresses attempted: [${origins.join(' ')}], ` +
      `errs: [${errors.join(' ')}]`,
    { hint: 'A server on another port is reached by giving the port.' },
  );
}

/** Never rejects: the failure is the value, since nobody may wait for this probe any more. */
async function probe(
  origin: string,
  body: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Http | DmError> {
  const http = openHttp({ origin });
  try {
    const answer = await http.post({ body, timeoutMs, signal });
    if (answer.status === 401 && answer.body.trimEnd() === UNAUTHORIZED) return http;
    http.close();
    return notDotmesh(origin, answer);
  } catch (error) {
    http.close();
    return connectionFailure(origin, error, timeoutMs);
  }
}

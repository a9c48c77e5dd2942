/** The client certificate for an etcd behind https. Wire reference §7.9, `DOTMESH_PKI_PATH`. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DmError, errno } from '../lib/errors.ts';
import { ENV } from '../wire/environment.ts';

export interface Pki {
  ca: string;
  cert: string;
  key: string;
}

/** PEM texts; undefined for an endpoint without TLS. @throws DmError secrets/PKI_UNREADABLE */
export function readPki(endpoint: string, directory: string): Pki | undefined {
  if (!endpoint.startsWith('https:')) return undefined;
  const read = (name: string) => {
    const path = join(directory, name);
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new DmError(
        'secrets',
        'PKI_UNREADABLE',
        `The certificate for etcd, ${path}, cannot be read (${errno(error) ?? 'unknown error'}).`,
        { hint: `Set ${ENV.pkiPath}, or ${ENV.etcdEndpoint} to an etcd without TLS.`, cause: error },
      );
    }
  };
  return { ca: read('ca.pem'), cert: read('apiserver.pem'), key: read('apiserver-key.pem') };
}

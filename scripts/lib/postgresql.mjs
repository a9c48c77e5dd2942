// Where PostgreSQL's programs are. The package of the client alone makes /usr/lib/postgresql/N/bin as well.
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The directory of the newest `initdb`: Debian's, which are not on PATH, else one that is. Undefined when there is none.
 */
export function serverPrograms(debian = '/usr/lib/postgresql', path = process.env.PATH ?? '') {
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a)).map(each => join(debian, each, 'bin'));
  return [...newestFirst, ...path.split(delimiter)].find(folder => existsSync(join(folder, 'initdb')));
}

/**
 * Where the API key of a new remote comes from: never from the arguments, which others can see. CLI
 * reference §1.6.
 */

import { DmError } from '../lib/errors.ts';
import type { Context } from './command.ts';
import { readHidden, readLine } from './input.ts';

/**
 * DOTMESH_PASSWORD, else DOTMESH_API_KEY, else a line of standard input. @throws DmError secrets/NO_API_KEY
 */
export async function askForApiKey({ io, print }: Context): Promise<string> {
  const given = io.env['DOTMESH_PASSWORD'] || io.env['DOTMESH_API_KEY'];
  if (given) return given;
  print('API key: ');
  let key: string | undefined;
  try {
    key = io.stdin.isTTY ? await readHidden(io.stdin) : await readLine(io.stdin);
  } finally {
    print('\n');
  }
  if (key) return key;
  throw new DmError('secrets', 'NO_API_KEY', 'No API key was given.', {
    hint: 'Type it, pipe it in, or set DOTMESH_PASSWORD.',
  });
}

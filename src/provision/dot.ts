/** Step 5: the dot is kept when it exists and created when it does not. */

import { asDmError, DmError } from '../lib/errors.ts';
import { checkNewDotName, type DotAddress, formatDotAddress, formatDotName } from '../model/names.ts';
import type { ServerClient } from './context.ts';

/** Creating waits for ZFS; a pool of slow disks may take its time. */
const CREATE_MS = 60_000;
const ASK_MS = 20_000;

/**
 * Id of the branch's filesystem; '' when there is none yet. @throws DmError dot/DOT_FAILED with the
 * server's words
 */
export async function filesystemOf(client: Pick<ServerClient, 'call'>, address: DotAddress): Promise<string> {
  const ref = { Namespace: address.namespace, Name: address.name };
  const exists = (Branch: string) => client.call('Exists', { ...ref, Branch }, { timeoutMs: ASK_MS });
  try {
    const master = await exists('');
    // Asking for a branch of a dot that is not there is an error.
    return address.branch === '' || master === '' ? master : await exists(address.branch);
  } catch (error) {
    throw dotError(address, error);
  }
}

/**
 * @throws DmError dot/BRANCH_MISSING (a branch is made from a commit, never out of nothing), usage/INVALID_NAME,
 *   dot/DOT_FAILED with the server's words
 */
export async function ensureDot(
  client: Pick<ServerClient, 'call'>,
  address: DotAddress,
): Promise<'kept' | 'created'> {
  if ((await filesystemOf(client, address)) !== '') return 'kept';
  if (address.branch !== '') throw noBranch(address);
  checkNewDotName(address);
  try {
    const { namespace: Namespace, name: Name } = address;
    await client.call('Create', { Namespace, Name }, { timeoutMs: CREATE_MS });
    return 'created';
  } catch (error) {
    throw dotError(address, error);
  }
}

/** What the server said about a dot, with the kind that our exit code needs; silence keeps its own kind. */
export function dotError(address: DotAddress, error: unknown): DmError {
  const { kind, message, hint } = asDmError(error);
  if (kind === 'dot' || kind === 'timeout' || kind === 'services' || kind === 'interrupted')
    return asDmError(error);
  const text = `The dot ${formatDotAddress(address)} can not be provided: ${message}`;
  return new DmError('dot', 'DOT_FAILED', text, { hint, cause: error });
}

function noBranch(address: DotAddress): DmError {
  return new DmError(
    'dot',
    'BRANCH_MISSING',
    `The dot ${formatDotName(address)} has no branch ${address.branch}.`,
    { hint: 'A branch is made from a commit of the dot; leave @branch out to get its master.' },
  );
}

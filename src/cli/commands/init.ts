/** `dm init DOT`: an empty dot, which becomes the current one. Silent. CLI reference §1.7. */

import { DmError, isDmError } from '../../lib/errors.ts';
import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { isListed, parseDotName } from '../dots.ts';
import { withCurrentDot } from '../profile.ts';
import { show } from '../show.ts';

/** Characters, namespace included; the server allows 64 for each part. */
const MAX_LENGTH = 50;
/** Milliseconds: making a filesystem on a busy pool. */
const CREATE_TIMEOUT_MS = 120_000;

export async function run(context: Context): Promise<void> {
  const [text = ''] = context.args;
  if (text.length > MAX_LENGTH) {
    throw new DmError('usage', 'NAME_TOO_LONG', `The dot name is longer than ${MAX_LENGTH} characters.`);
  }
  const dot = parseDotName(text);
  const { name, client } = await context.connect(context.profile.read());
  if (isListed(await client.call('List', null), dot)) throw existsAlready(text);
  try {
    await client.call(
      'Create',
      { Namespace: dot.namespace, Name: dot.name },
      { timeoutMs: CREATE_TIMEOUT_MS },
    );
  } catch (error) {
    // Somebody else's, which List does not show, or made by another dm since.
    if (isDmError(error, 'RPC_ERROR') && error.message.includes('already exists')) throw existsAlready(text);
    throw error;
  }
  await context.profile.update(profile => withCurrentDot(profile, name, dot));
  show(context, { json: dot });
}

function existsAlready(text: string): DmError {
  return new DmError('dot', 'DOT_EXISTS', `Error: ${printable(text)} exists already`);
}

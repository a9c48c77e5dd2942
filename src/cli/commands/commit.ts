/** `dm commit -m TEXT`: one snapshot of all subdots of a branch; prints its id. CLI reference §1.7. */

import { DmError } from '../../lib/errors.ts';
import { parseMetadata } from '../../model/commit-text.ts';
import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { show } from '../show.ts';
import { chooseTarget } from '../target.ts';

/** Milliseconds: a pool under load that flushes. */
const TIMEOUT_MS = 120_000;

export async function run(context: Context): Promise<void> {
  const message = context.values.get('message') ?? '';
  if (message === '') {
    throw new DmError('usage', 'NO_MESSAGE', 'Please provide a commit message.', {
      hint: "Write it as 'dm commit -m MESSAGE'.",
    });
  }
  const metadata = parseMetadata(context.lists.get('metadata') ?? []);
  const { client, ref, dot, branch } = await chooseTarget(context);
  const params = { ...ref, Message: message, Metadata: metadata };
  const id = printable(await client.call('Commit', params, { timeoutMs: TIMEOUT_MS }));
  show(context, { json: { ...dot, branch, id }, fields: [[id]], text: `${id}\n` });
}

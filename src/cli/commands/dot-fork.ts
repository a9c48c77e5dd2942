/** `dm dot fork DOT NEW-NAME`: a copy that depends on nothing; prints its id. */

import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { parseDotName } from '../dots.ts';
import { show } from '../show.ts';

/** Milliseconds: the whole dot is copied. */
const FORK_TIMEOUT_MS = 6 * 3600_000;

export async function run(context: Context): Promise<void> {
  const [from = '', to = ''] = context.args;
  const dot = parseDotName(from);
  const fork = parseDotName(to);
  const { client } = await context.connect(context.profile.read());
  const masterId = await client.call('Lookup', { Namespace: dot.namespace, Name: dot.name, Branch: '' });
  const params = { MasterBranchID: masterId, ForkNamespace: fork.namespace, ForkName: fork.name };
  const id = printable(await client.call('Fork', params, { timeoutMs: FORK_TIMEOUT_MS }));
  show(context, { json: { ...fork, id, forkedFrom: dot }, fields: [[id]], text: `${id}\n` });
}

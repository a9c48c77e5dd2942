/** `dm dot smash-branch-master [DOT] BRANCH [SERVER-ID]`: an emergency. Silent. CLI reference §1.10. */

import type { Context } from '../command.ts';
import { parseDotName } from '../dots.ts';
import { show } from '../show.ts';
import { chooseTarget, onBranch } from '../target.ts';

export async function run(context: Context): Promise<void> {
  const [first = '', second, server = ''] = context.args;
  const given = second === undefined ? context : { ...context, values: withDot(context, first) };
  const { client, dotRef, dot } = await chooseTarget(given);
  const branch = second ?? first;
  const id = await client.call('Lookup', onBranch(dotRef, branch));
  // Without a server it is the one that is asked.
  await client.call('ForceBranchMasterById', { FilesystemId: id, Master: server });
  show(context, { json: { ...dot, branch, server: server || null } });
}

function withDot({ values }: Context, text: string): Map<string, string> {
  parseDotName(text);
  return new Map([...values, ['dot', text]]);
}

/** `dm dot rename DOT NEW-NAME`. Silent. The choice of that dot and its branch go along. */

import type { Context } from '../command.ts';
import { parseDotName } from '../dots.ts';
import { withRenamedDot } from '../profile.ts';
import { show } from '../show.ts';

export async function run(context: Context): Promise<void> {
  const [from = '', to = ''] = context.args;
  const dot = parseDotName(from);
  const renamed = parseDotName(to);
  const { name, client } = await context.connect(context.profile.read());
  await client.call('RenameDot', {
    Namespace: dot.namespace,
    Name: dot.name,
    NewNamespace: renamed.namespace,
    NewName: renamed.name,
  });
  await context.profile.update(profile => withRenamedDot(profile, name, dot, renamed));
  show(context, { json: { ...renamed, from: dot } });
}

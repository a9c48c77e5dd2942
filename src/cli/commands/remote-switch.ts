/** `dm remote switch NAME`. Silent. CLI reference §1.6. */

import type { Context } from '../command.ts';
import { withCurrentRemote } from '../profile.ts';
import { show } from '../show.ts';

export async function run(context: Context): Promise<void> {
  const [name = ''] = context.args;
  await context.profile.update(now => withCurrentRemote(now, name));
  show(context, { json: { name, current: true } });
}

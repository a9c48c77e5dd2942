/** `dm remote rm NAME`. Silent. CLI reference §1.6. */

import type { Context } from '../command.ts';
import { withoutRemote } from '../profile.ts';
import { show } from '../show.ts';

export async function run(context: Context): Promise<void> {
  const [name = ''] = context.args;
  await context.profile.update(now => withoutRemote(now, name));
  show(context, { json: { name, removed: true } });
}

/** `dm remote switch NAME`. Silent. CLI reference §1.6. */

import type { Context } from '../command.ts';
import { withCurrentRemote } from '../profile.ts';

export async function run({ args: [name = ''], profile }: Context): Promise<void> {
  await profile.update(now => withCurrentRemote(now, name));
}

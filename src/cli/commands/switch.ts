/** `dm switch DOT`: that dot becomes the current one. Silent. CLI reference §1.7. */

import { DmError } from '../../lib/errors.ts';
import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { isListed, parseDotName } from '../dots.ts';
import { withCurrentDot } from '../profile.ts';
import { show } from '../show.ts';

export async function run(context: Context): Promise<void> {
  const [text = ''] = context.args;
  const dot = parseDotName(text);
  const { name, client } = await context.connect(context.profile.read());
  if (!isListed(await client.call('List', null), dot)) {
    throw new DmError('dot', 'NO_SUCH_DOT', `Error: ${printable(text)} doesn't exist`);
  }
  await context.profile.update(profile => withCurrentDot(profile, name, dot));
  show(context, { json: dot });
}

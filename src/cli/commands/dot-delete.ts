/** `dm dot delete DOT`: asks, then deletes a dot with all its branches. Silent. CLI reference §1.10. */

import { formatDotName } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { parseDotName } from '../dots.ts';
import { readLine } from '../input.ts';
import { withoutDot } from '../profile.ts';

/** Milliseconds: a dot with many branches, each destroyed in turn. */
const DELETE_TIMEOUT_MS = 300_000;

export async function run(context: Context): Promise<void> {
  const dot = parseDotName(context.args[0] ?? '');
  const { name, client } = await context.connect(context.profile.read());
  if (!context.flags.has('force') && !(await confirmed(context, formatDotName(dot)))) {
    context.print('Aborted.\n');
    return;
  }
  await client.call('Delete', { Namespace: dot.namespace, Name: dot.name }, { timeoutMs: DELETE_TIMEOUT_MS });
  await context.profile.update(profile => withoutDot(profile, name, dot));
}

/** Only the exact line `Y` is a yes. */
async function confirmed({ io, print }: Context, dot: string): Promise<boolean> {
  print(`Delete ${dot} with all its branches and commits? This can not be undone (enter Y to continue): `);
  return (await readLine(io.stdin)) === 'Y';
}

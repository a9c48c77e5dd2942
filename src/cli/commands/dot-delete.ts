/** `dm dot delete DOT`: says what goes, asks, then deletes a dot with all its branches. CLI reference §1.10. */

import { isDmError } from '../../lib/errors.ts';
import { type DotName, MASTER, printable } from '../../model/names.ts';
import type { RpcClient } from '../../remote/rpc-client.ts';
import type { Context } from '../command.ts';
import { parseDotName, shownName } from '../dots.ts';
import { readLine } from '../input.ts';
import { formatSize } from '../print.ts';
import { withoutDot } from '../profile.ts';
import { show } from '../show.ts';
import { onBranch } from '../target.ts';

/** Milliseconds: a dot with many branches, each destroyed in turn. */
const DELETE_TIMEOUT_MS = 300_000;

export async function run(context: Context): Promise<void> {
  const dot = parseDotName(context.args[0] ?? '');
  const { name, client } = await context.connect(context.profile.read());
  if (!context.flags.has('force') && !(await confirmed(context, client, dot))) {
    show(context, { json: { ...dot, deleted: false }, text: 'Aborted.\n' });
    return;
  }
  await client.call('Delete', { Namespace: dot.namespace, Name: dot.name }, { timeoutMs: DELETE_TIMEOUT_MS });
  await context.profile.update(profile => withoutDot(profile, name, dot));
  show(context, { json: { ...dot, deleted: true } });
}

/** Only the exact line `Y` is a yes. */
async function confirmed({ io, ask }: Context, client: RpcClient, dot: DotName): Promise<boolean> {
  for (const line of await lossesOf(client, dot)) ask(`${line}\n`);
  ask(
    `Delete ${shownName(dot)} with all its branches and commits? This can not be undone (enter Y to continue): `,
  );
  return (await readLine(io.stdin)) === 'Y';
}

/** A line for each branch. */
async function lossesOf(client: RpcClient, { namespace, name }: DotName): Promise<string[]> {
  const dot = { Namespace: namespace, Name: name };
  const branches = await client.call('Branches', dot).catch(error => {
    if (isDmError(error, 'METHOD_MISSING')) return [];
    throw error;
  });
  const lines: string[] = [];
  for (const branch of [MASTER, ...branches]) {
    const volume = await client.call('Get', await client.call('Lookup', onBranch(dot, branch)));
    const count = Number(volume.CommitCount);
    const dirty = volume.DirtyBytes > 0 ? `, ${formatSize(volume.DirtyBytes)} of it uncommitted` : '';
    lines.push(
      `branch ${printable(branch)}: ${count} ${count === 1 ? 'commit' : 'commits'}, ` +
        `${formatSize(volume.SizeBytes)}${dirty}`,
    );
  }
  return lines;
}

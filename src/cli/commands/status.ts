/** `dm status`: what of a branch is not committed. */

import { isDmError } from '../../lib/errors.ts';
import { printable } from '../../model/names.ts';
import type { BranchStatus } from '../../wire/methods.ts';
import type { Context } from '../command.ts';
import { historyOf, titleOf } from '../commits.ts';
import { painter } from '../paint.ts';
import { formatSize } from '../print.ts';
import { show } from '../show.ts';
import { chooseTarget, type Target } from '../target.ts';

export async function run(context: Context): Promise<void> {
  const target = await chooseTarget(context);
  const { dot, branch } = target;
  const head = (await historyOf(target.client, target.ref)).at(-1);
  const { SizeBytes, DirtyBytes, Subdots } = await statusOf(target);
  const clean = !(DirtyBytes > 0);
  const paint = painter(context.io);
  const changed = (Subdots ?? []).filter(({ ChangedBytes }) => ChangedBytes > 0);
  const lines = [
    `Dot ${printable(dot.namespace)}/${printable(dot.name)}, branch ${printable(branch)}`,
    head ? `Newest commit: ${printable(head.id)} ${titleOf(head)}` : 'No commits',
    `Size: ${formatSize(SizeBytes)}`,
    clean ? 'All is committed.' : paint('red', `${formatSize(DirtyBytes)} of uncommitted changes`),
    ...(changed.length > 0 ? ['Sizes of the changed files, by subdot:'] : []),
    ...changed.map(({ Name, ChangedBytes }) => `  ${printable(Name)}  ${formatSize(ChangedBytes)}`),
  ];
  show(context, {
    json: {
      ...dot,
      branch,
      head: head?.id ?? null,
      sizeBytes: SizeBytes,
      dirtyBytes: DirtyBytes,
      subdots: Subdots?.map(({ Name, ChangedBytes }) => ({ name: Name, changedBytes: ChangedBytes })) ?? null,
    },
    fields: [
      ['namespace', dot.namespace],
      ['name', dot.name],
      ['branch', branch],
      ...(head ? [['head', head.id]] : []),
      ['size', SizeBytes],
      ['dirty', DirtyBytes],
      ...(Subdots ?? []).map(({ Name, ChangedBytes }) => ['subdot', Name, ChangedBytes]),
    ],
    text: `${lines.join('\n')}\n`,
  });
}

/** An older server knows the bytes of the whole alone. */
async function statusOf({
  client,
  ref,
}: Target): Promise<Omit<BranchStatus, 'Subdots'> & Partial<Pick<BranchStatus, 'Subdots'>>> {
  try {
    return await client.call('Status', ref, { timeoutMs: 300_000 });
  } catch (error) {
    if (!isDmError(error, 'METHOD_MISSING')) throw error;
    return client.call('Get', await client.call('Lookup', ref));
  }
}

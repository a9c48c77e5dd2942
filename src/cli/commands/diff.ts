/** `dm diff [A [B]]`: which files differ between two commits, or a commit and now. */

import { HEAD } from '../../model/commit-ref.ts';
import type { FileChange } from '../../wire/client-methods.ts';
import type { Context } from '../command.ts';
import { resolveCommit } from '../commits.ts';
import { type Colour, type Paint, painter } from '../paint.ts';
import { oneLine } from '../print.ts';
import { show } from '../show.ts';
import { chooseTarget } from '../target.ts';

/** Milliseconds: a ZFS without `zfs diff` has the server walk over all files. */
const TIMEOUT_MS = 600_000;
const COLOURS: Record<string, Colour> = { '+': 'green', '-': 'red', M: 'yellow', R: 'cyan' };

export async function run(context: Context): Promise<void> {
  const [from = HEAD, to] = context.args;
  const target = await chooseTarget(context);
  const { id: From } = await resolveCommit(target, from);
  const To = to === undefined ? '' : (await resolveCommit(target, to)).id;
  const answer = await target.client.call(
    'DiffCommits',
    { ...target.ref, From, To },
    { timeoutMs: TIMEOUT_MS },
  );
  const files = answer.Files ?? [];
  const paint = painter(context.io);
  show(context, {
    json: {
      ...target.dot,
      branch: target.branch,
      from: From,
      to: To || null,
      files: files.map(({ change, filename, from: before }) => ({
        change,
        name: filename,
        ...(before === undefined ? {} : { from: before }),
      })),
    },
    fields: files.map(({ change, filename, from: before }) => [
      change,
      filename,
      ...(before === undefined ? [] : [before]),
    ]),
    text: files.map(file => asText(file, paint)).join(''),
  });
}

function asText({ change, filename, from }: FileChange, paint: Paint): string {
  const names = from === undefined ? oneLine(filename) : `${oneLine(from)} -> ${oneLine(filename)}`;
  const colour = COLOURS[change];
  const line = `${oneLine(change)} ${names}`;
  return `${colour ? paint(colour, line) : line}\n`;
}

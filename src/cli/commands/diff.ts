/** `dm diff [A [B]]`: which files differ between two commits, or a commit and now. */

import { isDmError } from '../../lib/errors.ts';
import { HEAD } from '../../model/commit-ref.ts';
import { DEFAULT_SUBDOT } from '../../model/names.ts';
import type { FileChange } from '../../wire/methods.ts';
import type { Context } from '../command.ts';
import { ownCommits, resolveCommit } from '../commits.ts';
import { type Colour, type Paint, painter } from '../paint.ts';
import { exact } from '../print.ts';
import { show } from '../show.ts';
import { chooseTarget, type Target } from '../target.ts';

/** Milliseconds: a ZFS without `zfs diff` has the server walk over all files. */
const TIMEOUT_MS = 600_000;
const COLOURS: Record<string, Colour> = { '+': 'green', '-': 'red', M: 'yellow', R: 'cyan' };

export async function run(context: Context): Promise<void> {
  const [from = HEAD, to] = context.args;
  const target = await chooseTarget(context);
  const { id: From } = await resolveCommit(target, from);
  const To = to === undefined ? '' : (await resolveCommit(target, to)).id;
  const files = await changesBetween(context, target, From, To);
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

async function changesBetween(
  context: Context,
  target: Target,
  From: string,
  To: string,
): Promise<FileChange[]> {
  const { client, ref } = target;
  try {
    const answer = await client.call('DiffCommits', { ...ref, From, To }, { timeoutMs: TIMEOUT_MS });
    return answer.Files ?? [];
  } catch (error) {
    if (!isDmError(error, 'METHOD_MISSING') || To !== '') throw error;
    if ((await ownCommits(client, ref)).at(-1)?.id !== From) throw error;
    return changesSinceNewest(context, target);
  }
}

/** What an original server can compare. */
async function changesSinceNewest(context: Context, { client, ref }: Target): Promise<FileChange[]> {
  const FilesystemID = await client.call('Lookup', ref);
  const answer = await client.call('Diff', { FilesystemID }, { timeoutMs: TIMEOUT_MS });
  context.note(`This server compares the files of ${DEFAULT_SUBDOT} alone.`);
  return (answer.Files ?? []).map(file => ({ ...file, filename: `${DEFAULT_SUBDOT}/${file.filename}` }));
}

function asText({ change, filename, from }: FileChange, paint: Paint): string {
  const names = from === undefined ? exact(filename) : `${exact(from)} -> ${exact(filename)}`;
  const colour = COLOURS[change];
  const line = `${exact(change)} ${names}`;
  return `${colour ? paint(colour, line) : line}\n`;
}

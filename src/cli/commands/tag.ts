/** `dm tag`: names for commits. They belong to the dot, and a tag on an old commit makes nothing dirty. */

import { DmError } from '../../lib/errors.ts';
import { HEAD } from '../../model/commit-ref.ts';
import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { allCommits, resolveCommit, titleOf } from '../commits.ts';
import { painter } from '../paint.ts';
import { show } from '../show.ts';
import { chooseTarget, onBranch, type Target } from '../target.ts';

export async function run(context: Context): Promise<void> {
  const [name, commit = HEAD] = context.args;
  if (name === undefined && context.flags.has('delete')) {
    throw new DmError('usage', 'TOO_FEW_ARGUMENTS', 'No tag specified.', { hint: 'Usage: dm tag -d NAME' });
  }
  const [, more] = context.args;
  if (more !== undefined && context.flags.has('delete')) {
    throw new DmError('usage', 'TOO_MANY_ARGUMENTS', `Too many arguments, from '${printable(more)}' on.`, {
      hint: 'Usage: dm tag -d NAME, one at a time.',
    });
  }
  if (name !== undefined) checkTag(name);
  const target = await chooseTarget(context);
  if (name === undefined) return list(context, target);
  if (context.flags.has('delete')) {
    await target.client.call('Untag', { ...target.dotRef, Tag: name });
    show(context, { json: { ...target.dot, tag: name, deleted: true } });
    return;
  }
  const { id, branch } = await resolveCommit(target, commit);
  await target.client.call('Tag', { ...onBranch(target.dotRef, branch), CommitId: id, Tag: name });
  show(context, { json: { ...target.dot, tag: name, id, branch } });
}

/** What could not be typed again as the name of a commit. The server has more to say. */
function checkTag(name: string): void {
  if (name !== HEAD && name !== '' && !/[\s^~]/.test(name) && !name.startsWith('-')) return;
  throw new DmError('usage', 'INVALID_NAME', `'${printable(name)}' is no name for a tag.`, {
    hint: 'Use letters, digits, dots, - and _, and not HEAD.',
  });
}

async function list(context: Context, target: Target): Promise<void> {
  const commits = await allCommits(target);
  const tags = commits
    .flatMap(commit => commit.tags.map(tag => ({ tag, commit })))
    .sort((a, b) => (a.tag < b.tag ? -1 : 1));
  const width = Math.max(...tags.map(({ tag }) => printable(tag).length));
  const paint = painter(context.io);
  show(context, {
    json: tags.map(({ tag, commit: { id, branch } }) => ({ tag, id, branch })),
    fields: tags.map(({ tag, commit: { id, branch } }) => [tag, id, branch]),
    text: tags
      .map(({ tag, commit }) => {
        const name = printable(tag).padEnd(width);
        return `${name}  ${paint('yellow', printable(commit.id))}  ${titleOf(commit)}\n`;
      })
      .join(''),
  });
}

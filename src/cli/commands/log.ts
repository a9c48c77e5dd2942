/**
 * `dm log`: the commits of a branch, oldest first, with those that it inherits, ISO dates and tags; with -H as the
 * original prints its own commits. CLI reference §1.7.
 */

import { DmError } from '../../lib/errors.ts';
import { isoDate } from '../../model/commit-text.ts';
import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { type Commit, historyOf, ownCommits } from '../commits.ts';
import { type Paint, painter } from '../paint.ts';
import { manyLines, oneLine } from '../print.ts';
import { show } from '../show.ts';
import { chooseTarget } from '../target.ts';

/** Shown by themselves. */
const OWN_LINES = new Set(['author', 'message', 'timestamp']);

export async function run(context: Context): Promise<void> {
  const count = readCount(context.values.get('number'));
  const { client, ref, branch } = await chooseTarget(context);
  const original = context.flags.has('scripting') && !context.flags.has('json');
  const all = await (original ? ownCommits(client, ref) : historyOf(client, ref));
  const newest = count === undefined ? all : all.slice(Math.max(0, all.length - count));
  const commits = context.flags.has('reverse') ? newest.toReversed() : newest;
  if (original) {
    context.print(commits.map(asOriginal).join(''));
    return;
  }
  const paint = painter(context.io);
  show(context, {
    json: commits.map(commit => asJson(commit, branch)),
    text: commits.map(commit => asText(commit, branch, paint)).join(''),
  });
}

function readCount(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new DmError('usage', 'BAD_NUMBER', `'${printable(text)}' is no number of commits.`, {
    hint: "Write it as 'dm log -n 5'.",
  });
}

/** What the user gave, sorted by name. */
function othersOf({ metadata }: Commit): [string, string][] {
  return Object.entries(metadata)
    .filter(([key]) => !OWN_LINES.has(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function asOriginal(commit: Commit): string {
  const { author = '', message = '', timestamp = '' } = commit.metadata;
  const others = othersOf(commit).map(([key, value]) => `${manyLines(key)}: ${manyLines(value)}\n`);
  return (
    `commit ${manyLines(commit.id)}\nauthor: ${manyLines(author)}\ndate: ${manyLines(timestamp)}\n` +
    `${others.join('')}\n    ${manyLines(message)}\n\n`
  );
}

function asText(commit: Commit, branch: string, paint: Paint): string {
  const { author = '', message = '', timestamp = '' } = commit.metadata;
  const marks = [
    ...(commit.branch === branch ? [] : [`inherited from ${printable(commit.branch)}`]),
    ...commit.tags.map(tag => `tag: ${printable(tag)}`),
  ];
  const lines = [
    `${paint('yellow', `commit ${printable(commit.id)}`)}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}`,
    `author: ${oneLine(author)}`,
    `date: ${isoDate(timestamp) ?? oneLine(timestamp)}`,
    ...othersOf(commit).map(([key, value]) => `${oneLine(key)}: ${oneLine(value)}`),
    '',
    ...message.split('\n').map(line => `    ${oneLine(line)}`),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function asJson(commit: Commit, branch: string) {
  const { author = '', message = '', timestamp = '' } = commit.metadata;
  return {
    id: commit.id,
    author,
    message,
    date: isoDate(timestamp) ?? null,
    timestamp,
    metadata: Object.fromEntries(othersOf(commit)),
    branch: commit.branch,
    inherited: commit.branch !== branch,
    tags: commit.tags,
  };
}

/**
 * `dm __complete -- WORDS`: candidates for the last word, a line each, asked from the server. Whatever goes wrong, there
 * is no candidate and no message: somebody is typing.
 */

import { looseFlags } from '../../lib/flags.ts';
import { HEAD } from '../../model/commit-ref.ts';
import { formatDotName } from '../../model/names.ts';
import { LEADING_FLAGS } from '../arguments.ts';
import type { Completion, Context } from '../command.ts';
import { allCommits, branchesOf, historyOf } from '../commits.ts';
import { joinEquals, whatIsWanted } from '../completion.ts';
import { FILES, SCRIPTS } from '../completion-scripts.ts';
import { namesIn } from '../dots.ts';
import { oneLine } from '../print.ts';
import { remoteNamed } from '../profile.ts';
import { configPath, profileFile } from '../profile-file.ts';
import { chooseTarget } from '../target.ts';

/** Seconds that somebody waits for a completion; DM_COMPLETION_SECONDS is another number. */
const PATIENCE_S = 3;
/** Ids offered before the first character: the newest. */
const MOST_IDS = 20;

export async function run(context: Context): Promise<void> {
  const { partial, before, words, kind } = whatIsWanted(context.args);
  if (kind === 'file') {
    context.print(`${FILES}\n`);
    return;
  }
  const asked = kind === undefined ? [] : await inTime(context, candidates(asTyped(context), kind, partial));
  const fitting = [...new Set([...words, ...asked])].filter(word => word.startsWith(partial));
  // What would have to be escaped is no name, and may be meant to do harm.
  for (const word of fitting) if (word === oneLine(word)) context.print(`${before}${word}\n`);
}

async function inTime({ io }: Context, work: Promise<string[]>): Promise<string[]> {
  const seconds = Number(io.env['DM_COMPLETION_SECONDS']) || PATIENCE_S;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string[]>(resolve => {
    timer = setTimeout(resolve, seconds * 1000, []);
  });
  return Promise.race([work.catch(() => []), late]).finally(() => clearTimeout(timer));
}

/** The context of the command that is being typed. Nothing is written. */
function asTyped(context: Context): Context {
  const given = looseFlags(joinEquals(context.args), LEADING_FLAGS).values;
  const values = new Map([...given].map(([name, texts]) => [name, texts[0] ?? '']));
  const config = values.get('config');
  const file = config === undefined ? context.profile : profileFile(configPath(config, context.io.env));
  return {
    ...context,
    values,
    profile: { ...file, update: async () => file.read() },
    connect: async profile => {
      const name = values.get('remote') ?? profile.CurrentRemote;
      const remote = remoteNamed(profile, name);
      return { name, remote, client: await context.connectTo(remote) };
    },
  };
}

async function candidates(context: Context, kind: Completion, partial: string): Promise<string[]> {
  const profile = context.profile.read();
  if (kind === 'shell') return [...SCRIPTS.keys()];
  if (kind === 'remote') return [...Object.keys(profile.Remotes), ...Object.keys(profile.S3Remotes)];
  if (kind === 'dot') {
    const { client } = await context.connect(profile);
    return namesIn(await client.call('List', null))
      .map(formatDotName)
      .sort();
  }
  const target = await chooseTarget(context);
  if (kind === 'branch') return branchesOf(target.client, target.dotRef);
  if (kind === 'tag') return (await allCommits(target)).flatMap(({ tags }) => tags).sort();
  if (kind === 'text') return [];
  const [branches, history] = await Promise.all([
    branchesOf(target.client, target.dotRef),
    historyOf(target.client, target.ref),
  ]);
  const ids = history.map(({ id }) => id).toReversed();
  const tags = history.flatMap(commit => commit.tags);
  return [HEAD, ...tags, ...branches, ...(partial === '' ? ids.slice(0, MOST_IDS) : ids)];
}

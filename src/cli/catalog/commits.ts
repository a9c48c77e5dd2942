/** Commands about commits. */

import type { Command } from '../command.ts';

export const COMMIT_COMMANDS: Command[] = [
  {
    name: 'commit',
    usage: '-m MESSAGE',
    summary: 'Record the state of all subdots of the branch, and print the id of the commit',
    examples: ['commit -m "empty state"', 'commit -m release -d version=1.2 -d \'"who=Ann, Bob"\''],
    scope: 'branch',
    flags: [
      {
        name: 'message',
        aliases: ['m'],
        type: 'string',
        freeText: true,
        value: 'TEXT',
        help: 'what the commit is about; needed',
      },
      {
        name: 'metadata',
        aliases: ['d'],
        type: 'texts',
        freeText: true,
        value: 'KEY=VALUE',
        help: 'kept with the commit; several times, or separated by commas',
      },
    ],
    args: { names: [], atLeast: 0, ignoreMore: true },
    load: () => import('../commands/commit.ts'),
  },
  {
    name: 'log',
    usage: '',
    summary: 'Show the commits of the branch, oldest first',
    examples: ['log', 'log -n 5 --reverse', 'log --branch bug-7 --json'],
    scope: 'branch',
    flags: [
      { name: 'number', aliases: ['n'], type: 'string', value: 'N', help: 'only the newest N commits' },
      { name: 'reverse', type: 'boolean', help: 'newest first' },
    ],
    args: { names: [], atLeast: 0, ignoreMore: true },
    load: () => import('../commands/log.ts'),
  },
  {
    name: 'reset',
    usage: '[--hard] COMMIT',
    summary: 'Take the branch back to a commit; without --hard only if nothing is lost',
    examples: ['reset HEAD', 'reset --hard HEAD^', 'reset --hard v1.0'],
    scope: 'branch',
    flags: [
      {
        name: 'hard',
        type: 'boolean',
        help: 'destroy later commits, branches made of them, and what is not committed',
      },
      {
        name: 'force',
        type: 'boolean',
        help: 'although programs have files open on the branch: what they write then is lost or corrupt',
      },
    ],
    args: { names: ['commit'], atLeast: 1, completes: ['commit'] },
    load: () => import('../commands/reset.ts'),
  },
  {
    name: 'diff',
    usage: '[A [B]]',
    summary: 'Show which files differ between commits A and B, by default the newest one and now',
    examples: ['diff', 'diff HEAD^', 'diff v1.0 v1.1'],
    scope: 'branch',
    flags: [],
    args: { names: ['commit', 'commit'], atLeast: 0, completes: ['commit', 'commit'] },
    load: () => import('../commands/diff.ts'),
  },
  {
    name: 'tag',
    usage: '[NAME [COMMIT]]',
    summary: 'List the tags of the dot, or tag a commit, by default the newest one',
    examples: ['tag', 'tag v1.0', 'tag v0.9 HEAD~3', 'tag -d v0.9'],
    scope: 'branch',
    flags: [{ name: 'delete', aliases: ['d'], type: 'boolean', help: 'delete the tag; the commit stays' }],
    args: { names: ['tag', 'commit'], atLeast: 0, completes: ['tag', 'commit'] },
    load: () => import('../commands/tag.ts'),
  },
];

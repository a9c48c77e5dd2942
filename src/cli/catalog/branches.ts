/** Commands about branches. */

import type { Command } from '../command.ts';

export const BRANCH_COMMANDS: Command[] = [
  {
    name: 'branch',
    usage: '[NAME [COMMIT]]',
    summary: 'List the branches, or make one of a commit, by default the newest one',
    examples: ['branch', 'branch bug-7', 'branch old HEAD~3', 'branch -m bug-7 bug-8', 'branch -d bug-8'],
    scope: 'branch',
    flags: [
      {
        name: 'delete',
        aliases: ['d'],
        type: 'boolean',
        help: 'delete the branch NAME with its own commits',
      },
      { name: 'move', aliases: ['m'], type: 'boolean', help: 'rename: branch -m OLD NEW' },
    ],
    args: { names: ['branch name', 'commit'], atLeast: 0, completes: ['branch', 'commit'] },
    load: () => import('../commands/branch.ts'),
  },
  {
    name: 'checkout',
    usage: '[-b] NAME [COMMIT]',
    summary: 'Make a branch the current one; what is not committed stays on the branch before',
    examples: ['checkout master', 'checkout -b bug-7', 'checkout -b old v1.0'],
    scope: 'dot',
    flags: [
      { name: 'branch', aliases: ['b'], type: 'boolean', help: 'make it first, of COMMIT or of HEAD' },
      {
        name: 'force',
        type: 'boolean',
        help: 'although programs have files open: they go on with the branch before until they open them again',
      },
    ],
    args: { names: ['branch name', 'commit'], atLeast: 0, completes: ['branch', 'commit'] },
    load: () => import('../commands/checkout.ts'),
  },
];

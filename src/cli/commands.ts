/** All commands of this dm, and the names of those that it does not have yet. CLI reference §1.1. */

import type { FlagSpec } from '../lib/flags.ts';
import type { Command } from './command.ts';

const JSON_FLAG: FlagSpec = { name: 'json', type: 'boolean', help: 'print one JSON document' };
const SCRIPTING: FlagSpec = {
  name: 'scripting',
  aliases: ['H'],
  type: 'boolean',
  help: 'print TAB-separated fields without header, sizes in bytes',
};

export const COMMANDS: Command[] = [
  {
    name: 'list',
    alias: 'ls',
    usage: '',
    summary: 'List the dots on the current remote',
    flags: [SCRIPTING, JSON_FLAG],
    args: { names: [], atLeast: 0 },
    load: () => import('./commands/list.ts'),
  },
  {
    name: 'init',
    usage: 'DOT',
    summary: 'Create an empty dot and make it current',
    flags: [],
    args: { names: ['dot name'], atLeast: 1 },
    load: () => import('./commands/init.ts'),
  },
  {
    name: 'switch',
    usage: 'DOT',
    summary: 'Make a dot the current dot',
    flags: [],
    args: { names: ['dot name'], atLeast: 1 },
    load: () => import('./commands/switch.ts'),
  },
  {
    name: 'dot show',
    usage: '[DOT]',
    summary: 'Show a dot with its branches, by default the current dot',
    flags: [SCRIPTING, JSON_FLAG],
    args: { names: ['dot name'], atLeast: 0 },
    load: () => import('./commands/dot-show.ts'),
  },
  {
    name: 'dot delete',
    usage: 'DOT',
    summary: 'Delete a dot with all its branches and commits',
    flags: [{ name: 'force', aliases: ['f'], type: 'boolean', help: 'do not ask' }],
    args: { names: ['dot name'], atLeast: 1 },
    load: () => import('./commands/dot-delete.ts'),
  },
  {
    name: 'remote',
    usage: '',
    summary: 'List the remotes: the servers that this dm knows',
    flags: [
      {
        name: 'verbose',
        aliases: ['v'],
        type: 'boolean',
        help: 'with user and host, the current one marked',
      },
      JSON_FLAG,
    ],
    args: { names: [], atLeast: 0 },
    load: () => import('./commands/remote.ts'),
  },
  {
    name: 'remote add',
    usage: 'NAME USER@HOST[:PORT]',
    summary: 'Add a server; its API key is asked for, or read from standard input or DOTMESH_PASSWORD',
    flags: [],
    args: { names: ['remote name', 'USER@HOST[:PORT]'], atLeast: 2 },
    load: () => import('./commands/remote-add.ts'),
  },
  {
    name: 'remote rm',
    usage: 'NAME',
    summary: 'Forget a remote',
    flags: [],
    args: { names: ['remote name'], atLeast: 1 },
    load: () => import('./commands/remote-rm.ts'),
  },
  {
    name: 'remote switch',
    usage: 'NAME',
    summary: 'Make a remote the current one',
    flags: [],
    args: { names: ['remote name'], atLeast: 1 },
    load: () => import('./commands/remote-switch.ts'),
  },
  {
    name: 'version',
    usage: '',
    summary: 'Show the versions of this dm and of the server',
    flags: [JSON_FLAG],
    args: { names: [], atLeast: 0, ignoreMore: true },
    load: () => import('./commands/version.ts'),
  },
];

/** Commands of the original that come with a later release. */
export const LATER: ReadonlySet<string> = new Set([
  'cluster',
  's3',
  'commit',
  'log',
  'branch',
  'checkout',
  'reset',
  'clone',
  'pull',
  'push',
  'mount',
  'debug',
  'dot set-upstream',
  'dot smash-branch-master',
]);

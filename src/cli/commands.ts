/** All commands of this dm, and the names of those that it does not have yet. CLI reference §1.1. */

import { BRANCH_COMMANDS } from './catalog/branches.ts';
import { COMMIT_COMMANDS } from './catalog/commits.ts';
import { DOT_COMMANDS } from './catalog/dots.ts';
import { SERVER_COMMANDS } from './catalog/servers.ts';
import type { Command } from './command.ts';

/** In the order of the help. */
export const COMMANDS: Command[] = [
  ...DOT_COMMANDS,
  ...COMMIT_COMMANDS,
  ...BRANCH_COMMANDS,
  ...SERVER_COMMANDS,
];

/** Commands of the original that set a server up; dm-linuxkit does that. */
export const SET_UP: ReadonlySet<string> = new Set([
  'cluster init',
  'cluster join',
  'cluster upgrade',
  'cluster reset',
]);

/** Commands of the original that come with a later release. */
export const LATER: ReadonlySet<string> = new Set(['s3', 'clone', 'pull', 'push', 'dot set-upstream']);

/** From an argument vector to a command, its arguments and its flags. Flags may stand anywhere. */

import { DmError } from '../lib/errors.ts';
import { type FlagSpec, parseFlags } from '../lib/flags.ts';
import { printable } from '../model/names.ts';
import type { Command, Scope } from './command.ts';
import { COMMANDS, LATER, SET_UP } from './commands.ts';

export const GLOBAL_FLAGS: FlagSpec[] = [
  { name: 'json', type: 'boolean', help: 'print one JSON document' },
  {
    name: 'scripting',
    aliases: ['H'],
    type: 'boolean',
    help: 'print TAB-separated fields without header, sizes in bytes',
  },
  {
    name: 'config',
    aliases: ['c'],
    type: 'string',
    value: 'PATH',
    help: 'configuration file (default ~/.dotmesh/config)',
  },
  { name: 'verbose', type: 'boolean', help: 'print each request and answer, secrets blanked' },
  { name: 'help', aliases: ['h'], type: 'boolean', help: 'show help' },
];

/** What is taken instead of the current one. */
const REMOTE: FlagSpec = {
  name: 'remote',
  type: 'string',
  value: 'NAME',
  help: 'instead of the current remote',
};
const DOT: FlagSpec = { name: 'dot', type: 'string', value: 'DOT', help: 'instead of the current dot' };
const BRANCH: FlagSpec = {
  name: 'branch',
  type: 'string',
  value: 'NAME',
  help: 'instead of the current branch',
};
const SCOPE_FLAGS: Record<Scope, FlagSpec[]> = {
  nothing: [],
  remote: [REMOTE],
  dot: [DOT, REMOTE],
  branch: [DOT, BRANCH, REMOTE],
};

export type Request =
  | { do: 'help'; topic: string }
  | {
      do: 'run';
      command: Command;
      args: string[];
      flags: ReadonlySet<string>;
      values: ReadonlyMap<string, string>;
      lists: ReadonlyMap<string, string[]>;
    };

/**
 * @throws DmError usage/UNKNOWN_COMMAND, usage/LATER, usage/SET_UP, usage/TOO_FEW_ARGUMENTS, usage/TOO_MANY_ARGUMENTS,
 *   and those of
 *   lib/flags
 */
export function readArguments(argv: readonly string[]): Request {
  const words = leadingWords(argv);
  const [first] = words;
  const wantsHelp = argv.some(arg => arg === '-h' || arg === '--help');
  if (first === undefined || first === 'help') {
    parseFlags(argv, GLOBAL_FLAGS);
    const topic = first === 'help' ? words.slice(1).join(' ') : '';
    if (topic !== '' && !isTopic(topic)) throw unknownCommand(topic);
    return { do: 'help', topic };
  }
  const found = findCommand(words);
  if (!found) {
    // A group alone, `dm dot`, asks for its help.
    if (isTopic(first) && (wantsHelp || words.length === 1)) return { do: 'help', topic: first };
    throw noCommand(words);
  }
  const { command, length } = found;
  const parsed = parseFlags(argv, flagsOf(command));
  if (parsed.booleans.has('help')) return { do: 'help', topic: command.name };
  const args = parsed.rest.slice(length);
  checkArguments(command, args);
  const { booleans: flags, strings: values, lists } = parsed;
  return { do: 'run', command, args, flags, values, lists };
}

/** What may stand before the command. */
export const LEADING_FLAGS: FlagSpec[] = [DOT, BRANCH, REMOTE, ...GLOBAL_FLAGS];

/** A command's flags and the global ones that it does not define itself (`dm remote --verbose` is `-v`). */
export function flagsOf(command: Command): FlagSpec[] {
  const own = new Set(command.flags.map(({ name }) => name));
  const others = [...SCOPE_FLAGS[command.scope], ...GLOBAL_FLAGS];
  return [...command.flags, ...others.filter(({ name }) => !own.has(name))];
}

/** What is no flag and no value of a flag that may stand before the command. */
export function leadingWords(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const before = end === -1 ? argv : argv.slice(0, end);
  const after = end === -1 ? [] : argv.slice(end + 1);
  const words = before.filter(
    (arg, at) => !arg.startsWith('-') && !/^(-c|--?(config|remote|dot|branch))$/.test(before[at - 1] ?? ''),
  );
  return [...words, ...after];
}

export function findCommand(words: readonly string[]): { command: Command; length: number } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ');
    const command = COMMANDS.find(each => each.name === name || each.alias === name);
    if (command && words.length >= length) return { command, length };
  }
  return undefined;
}

/** Whether help has something to say about it: a command, or a group such as `dot`. */
function isTopic(topic: string): boolean {
  return COMMANDS.some(
    ({ name, alias }) => name === topic || alias === topic || name.startsWith(`${topic} `),
  );
}

function noCommand(words: readonly string[]): DmError {
  const pair = words.slice(0, 2).join(' ');
  if (SET_UP.has(pair)) {
    return new DmError(
      'usage',
      'SET_UP',
      `'dm ${pair}' is no work of this dm: dm-linuxkit sets servers up.`,
      {
        hint: "'dm-linuxkit --help' says how; then 'dm remote add' makes the server known here.",
      },
    );
  }
  const later = [pair, words[0] ?? ''].find(name => LATER.has(name));
  if (later) {
    return new DmError('usage', 'LATER', `'dm ${later}' comes with a later release of this dm.`);
  }
  return unknownCommand(words.slice(0, isTopic(words[0] ?? '') ? 2 : 1).join(' '));
}

function unknownCommand(name: string): DmError {
  return new DmError('usage', 'UNKNOWN_COMMAND', `There is no command 'dm ${printable(name)}'.`, {
    hint: "'dm help' lists all commands.",
  });
}

function checkArguments(
  { name, usage, args: { names, atLeast, ignoreMore } }: Command,
  args: string[],
): void {
  const hint = `Usage: dm ${name}${usage && ` ${usage}`}`;
  if (args.length < atLeast) {
    throw new DmError('usage', 'TOO_FEW_ARGUMENTS', `No ${names[args.length]} specified.`, { hint });
  }
  if (args.length > names.length && !ignoreMore) {
    const [extra = ''] = args.slice(names.length);
    throw new DmError('usage', 'TOO_MANY_ARGUMENTS', `Too many arguments, from '${printable(extra)}' on.`, {
      hint,
    });
  }
}

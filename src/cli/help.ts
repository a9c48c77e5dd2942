/** The texts of `dm help`. */

import type { FlagSpec } from '../lib/flags.ts';
import { flagsOf, GLOBAL_FLAGS } from './arguments.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';

/** About a command, a group of commands, or ('') everything. */
export function helpText(topic: string): string {
  const command = COMMANDS.find(({ name, alias }) => name === topic || alias === topic);
  if (command) return commandHelp(command);
  const shown = COMMANDS.filter(
    ({ name, hidden }) => !hidden && (topic === '' || name.startsWith(`${topic} `)),
  );
  return [
    topic === '' ? 'dm: git for data, the client of a dotmesh server\n' : `dm ${topic}\n`,
    `Usage: dm ${topic && `${topic} `}COMMAND [ARGUMENTS] [FLAGS]\n`,
    'Commands:',
    ...columns([
      ...shown.map(each => [synopsis(each), each.summary]),
      ...(topic === '' ? [['help [COMMAND]', 'Show help']] : []),
    ]),
    '',
    'Flags of every command:',
    ...columns(GLOBAL_FLAGS.map(flagLine)),
    '',
  ].join('\n');
}

function commandHelp(command: Command): string {
  const below = COMMANDS.filter(({ name }) => name.startsWith(`${command.name} `));
  return [
    `${command.summary}.\n`,
    `Usage: dm ${synopsis(command)} [FLAGS]${command.alias ? `    (also: dm ${command.alias})` : ''}\n`,
    ...(below.length > 0
      ? ['Commands:', ...columns(below.map(each => [synopsis(each), each.summary])), '']
      : []),
    'Flags:',
    ...columns(flagsOf(command).map(flagLine)),
    ...(command.examples.length > 0
      ? ['', 'Examples:', ...command.examples.map(line => `  dm ${line}`)]
      : []),
    '',
  ].join('\n');
}

function synopsis({ name, usage }: Command): string {
  return usage === '' ? name : `${name} ${usage}`;
}

function flagLine({ name, aliases = [], value, help }: FlagSpec): [string, string] {
  const short = aliases.map(alias => `-${alias}, `).join('');
  return [`${short}--${name}${value ? ` ${value}` : ''}`, help];
}

function columns(lines: readonly (readonly [string, string])[] | string[][]): string[] {
  const width = Math.max(34, ...lines.map(([left = '']) => left.length));
  return lines.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`);
}

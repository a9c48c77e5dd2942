/** What the word under the cursor may become: pure, from the words of a command line. */

import type { FlagSpec } from '../lib/flags.ts';
import { findCommand, flagsOf, LEADING_FLAGS, leadingWords } from './arguments.ts';
import type { Completion } from './command.ts';
import { COMMANDS } from './commands.ts';

export interface Wanted {
  /** What each candidate has to begin with. */
  partial: string;
  /** Stands before each candidate: `--dot=`. */
  before: string;
  /** Known without a server. */
  words: string[];
  kind: Completion | undefined;
}

const VALUES: Record<string, Completion> = { dot: 'dot', branch: 'branch', remote: 'remote', config: 'file' };

/** `line` is what stands after `dm`; its last word, which may be empty, is the one to complete. */
export function whatIsWanted(line: readonly string[]): Wanted {
  const words = joinEquals(line);
  const done = words.slice(0, -1);
  const partial = words.at(-1) ?? '';
  const found = findCommand(leadingWords(done));
  const flags = found ? flagsOf(found.command) : LEADING_FLAGS;
  const assigned = /^(--[^=]+=)(.*)$/s.exec(partial);
  if (assigned) {
    const [, before = '', value = ''] = assigned;
    // bash has cut the line at the `=` already.
    const cut = line.at(-1) === '=' || line.at(-2) === '=';
    return { partial: value, before: cut ? '' : before, words: [], kind: valueKind(before, flags) };
  }
  const plain = { partial, before: '', words: [], kind: undefined };
  const last = done.at(-1) ?? '';
  if (!done.includes('--') && takesValue(last, flags)) return { ...plain, kind: valueKind(last, flags) };
  if (!done.includes('--') && partial.startsWith('-')) {
    return { ...plain, words: flags.map(({ name }) => `--${name}`) };
  }
  if (!found) return { ...plain, words: nextWords(leadingWords(done)) };
  const given = positional(done, flags).slice(found.length);
  const below = given.length === 0 ? nextWords(found.command.name.split(' ')) : [];
  return { ...plain, words: below, kind: found.command.args.completes?.[given.length] };
}

/** `--dot`, `=`, `sh` as one word, whichever of them are there. */
export function joinEquals(line: readonly string[]): string[] {
  const words: string[] = [];
  for (const [at, word] of line.entries()) {
    const joins = word === '=' || line[at - 1] === '=';
    const before = words.at(-1) ?? '';
    if (joins && before.startsWith('--')) words.splice(-1, 1, before + word);
    else words.push(word);
  }
  return words;
}

function specOf(word: string, flags: readonly FlagSpec[]): FlagSpec | undefined {
  const name = /^--?([^=]+)=?$/.exec(word)?.[1];
  return flags.find(flag => flag.name === name || flag.aliases?.includes(name ?? ''));
}

function takesValue(word: string, flags: readonly FlagSpec[]): boolean {
  const spec = specOf(word, flags);
  return spec !== undefined && spec.type !== 'boolean';
}

function valueKind(word: string, flags: readonly FlagSpec[]): Completion {
  return VALUES[specOf(word, flags)?.name ?? ''] ?? 'text';
}

function positional(done: readonly string[], flags: readonly FlagSpec[]): string[] {
  return done.filter((word, at) => !word.startsWith('-') && !takesValue(done[at - 1] ?? '', flags));
}

/** The words that come next in the names of commands. */
function nextWords(begun: readonly string[]): string[] {
  const next = COMMANDS.filter(({ hidden }) => !hidden)
    .map(({ name }) => name.split(' '))
    .filter(name => name.length > begun.length && begun.every((word, at) => name[at] === word))
    .map(name => name[begun.length] ?? '');
  return [...new Set(begun.length === 0 ? [...next, 'help'] : next)];
}

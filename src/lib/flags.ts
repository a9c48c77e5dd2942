/**
 * Command-line flags: minimist is kept here.
 *
 * minimist reads `-dot=test` as the letters d, o, t; Go's flag package, whose spelling stands in existing
 * LinuxKit YAML, reads it as `--dot=test`. So a single dash before a known long name becomes two first.
 * All values are strings (minimist would make a number of `007`).
 */

import minimist from 'minimist';
import { DmError } from './errors.ts';

export interface FlagSpec {
  /** Long name without dashes. */
  name: string;
  /** Other long or one-letter names. */
  aliases?: string[];
  /** A list is split at commas; of texts each stays as it was given. */
  type: 'string' | 'boolean' | 'list' | 'texts';
  /** The value may be empty, and begin with a dash. */
  freeText?: true;
  /** Placeholder of the value in the help. */
  value?: string;
  help: string;
}

export interface Flags {
  strings: Map<string, string>;
  booleans: Set<string>;
  lists: Map<string, string[]>;
  /** Arguments that are no flags. */
  rest: string[];
}

/** @throws DmError usage/UNKNOWN_FLAG, usage/MISSING_VALUE, usage/REPEATED_FLAG, usage/BAD_BOOLEAN */
export function parseFlags(argv: readonly string[], specs: readonly FlagSpec[]): Flags {
  const { args, parsed, unknown, known } = split(argv, specs);
  if (unknown[0] !== undefined) throw unknownFlag(unknown[0], known);

  const flags: Flags = { strings: new Map(), booleans: new Set(), lists: new Map(), rest: restOf(parsed) };
  for (const spec of specs) {
    const values = allNames(spec).flatMap(name => valuesOf(parsed[name]));
    if (spec.type === 'boolean') takeBoolean(spec, args, values, flags);
    else if (values.length > 0) takeValues(spec, values, flags);
  }
  return flags;
}

/** What can be read of arguments that are wrong somewhere: each flag with all values that it is given. Never throws. */
export function looseFlags(
  argv: readonly string[],
  specs: readonly FlagSpec[],
): { values: Map<string, string[]>; rest: string[] } {
  const { parsed } = split(argv, specs);
  const values = new Map<string, string[]>();
  for (const spec of specs) {
    const given = allNames(spec).flatMap(name => valuesOf(parsed[name]).map(String));
    const kept = given.filter(text => text !== '' && !(spec.type === 'boolean' && text === 'false'));
    if (kept.length > 0) values.set(spec.name, kept);
  }
  return { values, rest: restOf(parsed) };
}

function split(argv: readonly string[], specs: readonly FlagSpec[]) {
  const canonical = new Map<string, FlagSpec>();
  for (const spec of specs)
    for (const name of [spec.name, ...(spec.aliases ?? [])]) canonical.set(name, spec);
  const dashed = argv.map((arg, at) => (argv.slice(0, at).includes('--') ? arg : doubleDash(arg, canonical)));
  const args = joinFreeText(dashed, canonical);

  const unknown: string[] = [];
  const parsed = minimist(args, {
    string: specs.filter(spec => spec.type !== 'boolean').flatMap(allNames),
    boolean: specs.filter(spec => spec.type === 'boolean').flatMap(allNames),
    '--': true,
    unknown: arg => {
      if (!arg.startsWith('-') || arg === '-') return true;
      unknown.push(arg);
      return false;
    },
  });
  return { args, parsed, unknown, known: [...canonical.keys()] };
}

function restOf(parsed: minimist.ParsedArgs): string[] {
  return [...parsed._.map(String), ...(parsed['--'] ?? [])];
}

function allNames(spec: FlagSpec): string[] {
  return [spec.name, ...(spec.aliases ?? [])];
}

function valuesOf(raw: unknown): unknown[] {
  if (raw === undefined) return [];
  return Array.isArray(raw) ? raw : [raw];
}

function doubleDash(arg: string, known: ReadonlyMap<string, FlagSpec>): string {
  const match = /^-([^-=][^=]+)(=.*)?$/s.exec(arg);
  return match && known.has(match[1] ?? '') ? `-${arg}` : arg;
}

/** `-m TEXT`, `-mTEXT` and `--message TEXT` as `--message=TEXT`: minimist takes a text with a dash for a flag. */
function joinFreeText(args: readonly string[], known: ReadonlyMap<string, FlagSpec>): string[] {
  const joined: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (arg === '--') return [...joined, ...args.slice(at)];
    const [, long, short, attached = ''] = /^(?:--([^=]+)|-([^-=])(.*))$/s.exec(arg) ?? [];
    const spec = known.get(long ?? short ?? '');
    if (!spec?.freeText) joined.push(arg);
    else if (attached !== '') joined.push(`--${spec.name}=${attached.replace(/^=/, '')}`);
    else joined.push(`--${spec.name}=${args[++at] ?? ''}`);
  }
  return joined;
}

function takeBoolean(spec: FlagSpec, args: readonly string[], values: unknown[], flags: Flags): void {
  for (const name of allNames(spec)) {
    const given = args.find(arg => arg.startsWith(`--${name}=`));
    if (given !== undefined && !/=(true|false)$/.test(given)) {
      throw new DmError('usage', 'BAD_BOOLEAN', `--${name} takes no value, or =true or =false.`);
    }
  }
  if (values.includes(true) || values.includes('true')) flags.booleans.add(spec.name);
}

function takeValues(spec: FlagSpec, values: unknown[], flags: Flags): void {
  const texts = values.map(String);
  if (!spec.freeText && texts.some(text => text === '')) {
    throw new DmError('usage', 'MISSING_VALUE', `--${spec.name} needs a value.`, {
      hint: `Write it as --${spec.name}=${spec.value ?? 'VALUE'}.`,
    });
  }
  if (spec.type === 'texts') {
    flags.lists.set(spec.name, texts);
    return;
  }
  if (spec.type === 'list') {
    flags.lists.set(
      spec.name,
      texts.flatMap(text => text.split(',')).filter(text => text !== ''),
    );
    return;
  }
  if (new Set(texts).size > 1) {
    throw new DmError(
      'usage',
      'REPEATED_FLAG',
      `--${spec.name} is given more than once, with different values.`,
    );
  }
  flags.strings.set(spec.name, texts[0] ?? '');
}

function unknownFlag(arg: string, known: readonly string[]): DmError {
  const name = arg.replace(/^-+/, '').replace(/=.*$/s, '');
  const close = known.find(
    other => other.length > 2 && (other.startsWith(name) || distance(other, name) <= 2),
  );
  return new DmError('usage', 'UNKNOWN_FLAG', `There is no flag ${arg.replace(/=.*$/s, '')}.`, {
    hint: close ? `Did you mean --${close}?` : 'See --help for all flags.',
  });
}

/** Levenshtein distance of two short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Dots as a command names them, and as a server lists them. CLI reference §1.5. */

import { DmError } from '../lib/errors.ts';
import { checkName, DEFAULT_NAMESPACE, type DotName, formatDotName, printable } from '../model/names.ts';
import type { VolumeList } from '../wire/methods.ts';
import type { Connection, Context } from './command.ts';
import { currentDot, withCurrentDot } from './profile.ts';

/**
 * Reads `[NAMESPACE/]DOT`.
 *
 * @throws DmError usage/INVALID_NAME, with the original's messages
 */
export function parseDotName(text: string): DotName {
  const parts = text.split('/');
  if (parts.length > 2) {
    throw new DmError(
      'usage',
      'INVALID_NAME',
      `Volume names must be of the form NAMESPACE/VOLUME or just VOLUME: '${printable(text)}'`,
    );
  }
  const [name = '', namespace = DEFAULT_NAMESPACE] = parts.reverse();
  checkName('namespace', namespace);
  checkName('dot', name);
  return { namespace, name };
}

export function isListed(list: VolumeList, { namespace, name }: DotName): boolean {
  return namesIn(list).some(dot => dot.namespace === namespace && dot.name === name);
}

/** Names in a listing of either kind. @throws DmError internal/BAD_ANSWER */
export function namesIn(list: Record<string, Record<string, unknown>>): DotName[] {
  return entries(list).flatMap(([namespace, dots]) => entries(dots).map(([name]) => ({ namespace, name })));
}

/** Members of what should be an object. @throws DmError internal/BAD_ANSWER */
export function entries<T>(value: Record<string, T>): [string, T][] {
  if (typeof value === 'object' && value !== null) return Object.entries(value);
  throw new DmError('internal', 'BAD_ANSWER', 'The server sent a list of dots that can not be understood.');
}

/** Where nothing is chosen and there is only one dot, that one is meant. */
export function onlyDot(names: readonly DotName[]): DotName | undefined {
  return names.length === 1 ? names[0] : undefined;
}

/**
 * The current dot of the connection's remote; chosen and recorded when the server has exactly one.
 *
 * @throws DmError usage/NO_CURRENT_DOT
 */
export async function requireCurrentDot(
  context: Context,
  { name, remote, client }: Connection,
): Promise<DotName> {
  const current = currentDot(remote);
  if (current !== '') return parseDotName(current);
  const only = onlyDot(namesIn(await client.call('List', null)));
  if (!only) {
    throw new DmError('usage', 'NO_CURRENT_DOT', 'No current dot is selected.', {
      hint: "Choose one with 'dm switch DOT'; 'dm list' shows what there is.",
    });
  }
  await rememberChoice(context, name, only);
  return only;
}

/** What was chosen by itself is chosen again next time: that it can not be written is no failure. */
export async function rememberChoice({ profile }: Context, remoteName: string, dot: DotName): Promise<void> {
  await profile.update(now => withCurrentDot(now, remoteName, dot)).catch(() => undefined);
}

/** A name as it is shown: without the default namespace, safe for a terminal. */
export function shownName({ namespace, name }: DotName): string {
  return formatDotName({ namespace: printable(namespace), name: printable(name) });
}

/** The line that opens `dm list` and `dm version`. */
export function remoteLine(name: string): string {
  const shown = name === '' ? '(none)' : printable(name);
  return `Current remote: ${shown} (use 'dm remote -v' to list and 'dm remote switch' to switch)\n\n`;
}

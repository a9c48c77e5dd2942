/** Names: namespaces, dots, branches, subdots, and the text form `[namespace/]name[@branch][.subdot]`. Wire reference §3.3. */

import { DmError } from '../lib/errors.ts';

export const NAME_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;
/** The pattern as the original spells it in its messages. */
const PATTERN_TEXT = '^[a-zA-Z0-9_\\-]{1,64}$';

export const DEFAULT_NAMESPACE = 'admin';
/** What plain use of a dot sees. */
export const DEFAULT_SUBDOT = '__default__';
/** The word for the whole dot (§3.3); no directory. */
export const ROOT_SUBDOT = '__root__';
/** The word for a dot's first branch; on the wire it is the empty string. */
export const MASTER = 'master';

export type NameKind = 'namespace' | 'dot' | 'branch' | 'subdot' | 'snapshot';
const EMPTY_MESSAGES: Record<NameKind, string> = {
  namespace: 'namespace cannot be empty',
  dot: 'name cannot be empty',
  branch: '',
  subdot: 'subdot cannot be empty',
  snapshot: 'snapshot cannot be empty',
};

/** The original's message about a name that is not allowed, or '' when it is. An empty branch is master. */
export function nameFault(kind: NameKind, name: string): string {
  if (name === '') return EMPTY_MESSAGES[kind];
  return NAME_PATTERN.test(name) ? '' : `invalid ${kind} name, should match pattern: ${PATTERN_TEXT}`;
}

/**
 * The same for a name that is new: it may not begin with `-`, which programs take for a flag. What was made with such
 * a name elsewhere stays reachable by it.
 */
export function newNameFault(kind: NameKind, name: string): string {
  const fault = nameFault(kind, name);
  if (fault !== '' || !name.startsWith('-')) return fault;
  return `invalid ${kind} name, should match pattern: ${PATTERN_TEXT}, and not begin with "-"`;
}

/** @throws DmError usage/INVALID_NAME with the original's message */
export function checkName(kind: NameKind, name: string): void {
  refuse(nameFault(kind, name));
}

/** @throws DmError usage/INVALID_NAME */
export function checkNewDotName({ namespace, name }: DotName): void {
  refuse(newNameFault('namespace', namespace) || newNameFault('dot', name));
}

function refuse(fault: string): void {
  if (fault !== '') throw new DmError('usage', 'INVALID_NAME', fault);
}

/** `{namespace, name}` of a dot, as the registry keeps it. */
export interface DotName {
  namespace: string;
  name: string;
}

/** Where a mount comes from: a dot, one of its branches ('' = master) and a directory in it. */
export interface DotAddress extends DotName {
  branch: string;
  subdot: string;
  /** The text named a branch (`@master` too): it stays on that one whatever is checked out. */
  pinned: boolean;
}

/**
 * Reads `[namespace/]name[@branch][.subdot]`. The branch `master` becomes ''; without a subdot it is `__default__`.
 *
 * @throws DmError usage/INVALID_NAME
 */
export function parseDotAddress(text: string, defaultNamespace = DEFAULT_NAMESPACE): DotAddress {
  const slash = text.indexOf('/');
  const namespace = slash === -1 ? defaultNamespace : text.slice(0, slash);
  const rest = slash === -1 ? text : text.slice(slash + 1);
  const match = /^([^@.]*)(?:@([^@.]*))?(?:\.([^@.]*))?$/s.exec(rest);
  if (!match) {
    throw new DmError(
      'usage',
      'INVALID_NAME',
      `"${printable(text)}" is no dot: it should read [namespace/]name[@branch][.subdot].`,
    );
  }
  const [, name = '', branch = '', subdot = DEFAULT_SUBDOT] = match;
  checkName('namespace', namespace);
  checkName('dot', name);
  if (match[2] === '')
    throw new DmError('usage', 'INVALID_NAME', `"${printable(text)}" names no branch after the @.`);
  checkName('branch', branch);
  checkName('subdot', subdot);
  return { namespace, name, branch: branch === MASTER ? '' : branch, subdot, pinned: branch !== '' };
}

/** `parseDotAddress` backwards: the default namespace, an unpinned master and the default subdot are left out. */
export function formatDotAddress({ namespace, name, branch, subdot, pinned }: DotAddress): string {
  const at = pinned ? `@${branch || MASTER}` : '';
  return `${formatDotName({ namespace, name })}${at}${subdot === DEFAULT_SUBDOT ? '' : `.${subdot}`}`;
}

export function formatDotName({ namespace, name }: DotName): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}

/**
 * A machine's host name as a dot name: its first label, what the pattern forbids becomes `-`, at the beginning `_`, at
 * most 64 characters. `(none)`, as Linux calls a machine without a name, is `_none-`.
 */
export function dotNameOfHost(hostname: string): string {
  const label = hostname.split('.')[0] ?? '';
  return label
    .replace(/[^a-zA-Z0-9_-]/g, '-')
    .replace(/^-/, '_')
    .slice(0, 64);
}

/** What JSON leaves as it is and a terminal obeys: DEL, C1, line separators, bidirectional overrides. */
const TERMINAL_CONTROLS = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text from outside as it may stand in a message or on a terminal: control characters escaped, cut after 100. */
export function printable(text: string): string {
  const shown = JSON.stringify(text)
    .slice(1, -1)
    .replace(/\\"/g, '"')
    .replace(TERMINAL_CONTROLS, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return shown.length > 100 ? `${shown.slice(0, 100)}…` : shown;
}

/**
 * JSON as text: members and elements as they were written, byte for byte.
 *
 * `JSON.parse` alone will not do: an id above 2^53 must be echoed unchanged, Go reads only the first value of a
 * body, and it matches member names without regard to case, the last one winning.
 */

/** Go's own bound on nesting. */
const MAX_DEPTH = 10_000;
const SPACE = /[ \t\r\n]*/y;
const SCALAR = /[^ \t\r\n{}[\]",:]*/y;

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'bool' | 'null';

/** The first JSON value in `text`; what follows it is ignored. Undefined when it is malformed, cut or too deep. */
export function firstValue(text: string): string | undefined {
  const from = after(SPACE, text, 0);
  const end = valueEnd(text, from);
  if (end === undefined) return undefined;
  const value = text.slice(from, end);
  try {
    JSON.parse(value);
    return value;
  } catch {
    return undefined;
  }
}

/** Kind of a value, in Go's words for its error messages. */
export function kindOf(value: string): JsonKind {
  switch (value[0]) {
    case '{':
      return 'object';
    case '[':
      return 'array';
    case '"':
      return 'string';
    case 't':
    case 'f':
      return 'bool';
    case 'n':
      return 'null';
    default:
      return 'number';
  }
}

/** Name and raw value of each member, in order, double ones included. `object` must be valid. */
export function members(object: string): [name: string, value: string][] {
  const found: [string, string][] = [];
  let at = after(SPACE, object, 1);
  while (object[at] === '"') {
    const nameEnd = stringEnd(object, at);
    const name = String(JSON.parse(object.slice(at, nameEnd)));
    const colon = after(SPACE, object, nameEnd);
    const from = after(SPACE, object, colon + 1);
    const end = valueEnd(object, from) ?? object.length;
    found.push([name, object.slice(from, end)]);
    const comma = after(SPACE, object, end);
    at = after(SPACE, object, comma + 1);
  }
  return found;
}

/** Raw text of the first element; undefined when the array is empty. `array` must be valid. */
export function firstElement(array: string): string | undefined {
  const from = after(SPACE, array, 1);
  return array[from] === ']' ? undefined : array.slice(from, valueEnd(array, from));
}

/** Raw JSON in one line, as Go re-encodes it: no space outside strings, HTML characters escaped. */
export function compact(value: string): string {
  return value.replace(/"(?:[^"\\]+|\\.)*"|[ \t\r\n]+/g, part => (part[0] === '"' ? escapeHtml(part) : ''));
}

/** `JSON.stringify` with Go's escapes, so that no answer holds markup. */
export function toJson(value: unknown): string {
  return escapeHtml(JSON.stringify(value));
}

function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Where a value that begins at `from` ends; finds ends only, the grammar is JSON.parse's work. */
function valueEnd(text: string, from: number): number | undefined {
  if (text[from] === '"') return stringEnd(text, from);
  if (text[from] !== '{' && text[from] !== '[') return after(SCALAR, text, from);
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth === 0) return at + 1;
    if (depth > MAX_DEPTH) return undefined;
  }
  return undefined;
}

function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/** Position after the match of a sticky pattern that may match nothing. */
function after(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

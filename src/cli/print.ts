/** How things look on the terminal: sizes, tables, text from strangers. CLI reference §1.7. */

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Binary units, never plain bytes, never TiB; nothing is `-`. */
export function formatSize(bytes: number): string {
  if (bytes <= 0) return '-';
  if (bytes < MIB) return `${(bytes / KIB).toFixed(2)} kiB`;
  if (bytes < GIB) return `${(bytes / MIB).toFixed(2)} MiB`;
  return `${(bytes / GIB).toFixed(2)} GiB`;
}

const GAP = 2;
const MIN_WIDTH = 3;

/**
 * Columns padded to their widest cell plus two. As in the original (Go's tabwriter) the last cell of a row
 * is padded too, and that of the header is not and does not count.
 */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const last = header.length - 1;
  const widths = header.map((title, column) =>
    rows.reduce(
      (widest, row) => Math.max(widest, GAP + length(row[column] ?? '')),
      Math.max(MIN_WIDTH, column === last ? 0 : GAP + length(title)),
    ),
  );
  const pad = (cell: string, column: number) => cell + ' '.repeat((widths[column] ?? 0) - length(cell));
  const head = header.map((title, column) => (column === last ? title : pad(title, column)));
  return [head, ...rows.map(row => row.map(pad))].map(cells => `${cells.join('')}\n`).join('');
}

function length(text: string): number {
  return [...text].length;
}

/**
 * What moves the cursor, turns text around or ends a line: C0, DEL, C1, line and paragraph separators, bidi
 * controls.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text of any length from a stranger as it may stand within one line. */
export function oneLine(text: string): string {
  return text
    .trimEnd()
    .replace(/[\n\t]/g, ' ')
    .replace(UNPRINTABLE, escaped);
}

/** The same where lines and TABs stay what they are, and blanks at the end too. */
export function manyLines(text: string): string {
  return text.replace(UNPRINTABLE, char => (char === '\n' || char === '\t' ? char : escaped(char)));
}

/** The same where nothing may be lost: a file's name, a field. */
export function exact(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

function escaped(char: string): string {
  return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}

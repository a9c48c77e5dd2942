/** The table of the benchmark: what was measured, ours beside raw, and whether the bar is met. */

interface Row {
  what: string;
  ours: string;
  raw: string;
  ratio: string;
  bar: string;
  met: boolean | undefined;
}
const rows: Row[] = [];

/** Shown at once as well: the whole takes minutes. */
export function add(row: Row): void {
  rows.push(row);
  console.error(`${row.what}: ${row.ours}${row.raw && ` (raw ${row.raw})`}`);
}

export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
export const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export async function timed(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

export interface Bar {
  text: string;
  met(ours: number, raw: number): boolean;
}

/** A row of medians beside each other, in milliseconds. */
export function against(what: string, ours: number[], raw: number[], bar: Bar | undefined): void {
  const [a, b] = [median(ours), median(raw)];
  const ratio = `${(a / b).toFixed(2)} ×`;
  add({ what, ours: ms(a), raw: ms(b), ratio, bar: bar?.text ?? '', met: bar?.met(a, b) });
}

/** A row that compares with a raw operation; the bar is on the difference, in milliseconds. */
export function compare(what: string, ours: number[], raw: number[], overRaw: number): void {
  against(what, ours, raw, { text: `≤ raw + ${ms(overRaw)}`, met: (a, b) => a - b <= overRaw });
}

export function single(what: string, value: number, show: (value: number) => string, limit?: number): void {
  const met = limit === undefined ? undefined : value <= limit;
  add({
    what,
    ours: show(value),
    raw: '',
    ratio: '',
    bar: limit === undefined ? '' : `≤ ${show(limit)}`,
    met,
  });
}

export function table(): string {
  const cells = [
    ['', 'ours', 'raw', 'ratio', 'bar', ''],
    ...rows.map(row => [row.what, row.ours, row.raw, row.ratio, row.bar, verdict(row)]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map(line => line[column]?.length ?? 0))) ?? [];
  return cells
    .map(line =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function verdict(row: Row): string {
  if (row.met === undefined) return '';
  return row.met ? 'met' : 'MISSED';
}

export const isMissed = (): boolean => rows.some(row => row.met === false);

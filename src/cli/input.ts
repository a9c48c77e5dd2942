/** Reading one line, or all: from a pipe, or from a terminal that does not show it. */

import { DmError } from '../lib/errors.ts';
import type { Input } from './command.ts';

const MAX_LINE_BYTES = 64 << 10;

/**
 * The first line, without its end; what follows is not read. No final newline is needed; undefined when
 * there is nothing at all.
 *
 * @throws DmError usage/INPUT_TOO_LONG over 64 KiB
 */
export async function readLine(stdin: Input): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const part = Buffer.from(chunk);
    const end = part.indexOf('\n');
    chunks.push(end === -1 ? part : part.subarray(0, end));
    bytes += chunks.at(-1)?.length ?? 0;
    if (bytes > MAX_LINE_BYTES) {
      throw new DmError(
        'usage',
        'INPUT_TOO_LONG',
        `A line of more than ${MAX_LINE_BYTES >> 10} KiB was given.`,
      );
    }
    if (end !== -1) return text(chunks);
  }
  return bytes === 0 ? undefined : text(chunks);
}

/** Bytes of a document; a backup of 100,000 dots has about 50 MB. */
const MAX_DOCUMENT_BYTES = 256 << 20;

/** All of it. @throws DmError usage/INPUT_TOO_LONG over 256 MiB */
export async function readAll(stdin: Input): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunks.at(-1)?.length ?? 0;
    if (bytes > MAX_DOCUMENT_BYTES) {
      throw new DmError('usage', 'INPUT_TOO_LONG', `More than ${MAX_DOCUMENT_BYTES >> 20} MiB were given.`);
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8').replace(/\r$/, '');
}

/** What a key that was pressed, or a piece that was pasted, does to what stands there. */
export type Typed = { state: 'typing' | 'done' | 'interrupted'; line: string };

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
/** What arrow and function keys send; they move nothing here. */
const ESCAPE_SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?/g;

/** Pure: the keys one by one. Enter or Ctrl-D ends, Backspace and Ctrl-U take back, Ctrl-C gives up. */
export function type(line: string, keys: string): Typed {
  let now = line;
  for (const key of keys.replace(ESCAPE_SEQUENCE, '')) {
    if (key === CTRL_C) return { state: 'interrupted', line: '' };
    if (key === '\r' || key === '\n' || key === CTRL_D) return { state: 'done', line: now };
    if (key === '\u007f' || key === '\b') now = [...now].slice(0, -1).join('');
    else if (key === CTRL_U) now = '';
    else if (key >= ' ') now += key;
  }
  return { state: 'typing', line: now };
}

/**
 * A line typed on a terminal, not shown. The terminal is set back whatever happens.
 *
 * @throws DmError interrupted/INTERRUPTED on Ctrl-C
 */
export async function readHidden(stdin: Input): Promise<string> {
  stdin.setRawMode?.(true);
  stdin.setEncoding('utf8');
  let line = '';
  try {
    for await (const keys of stdin) {
      const typed = type(line, String(keys));
      if (typed.state === 'interrupted') throw new DmError('interrupted', 'INTERRUPTED', 'interrupted');
      line = typed.line;
      if (typed.state === 'done' || line.length > MAX_LINE_BYTES) break;
    }
    return line;
  } finally {
    stdin.setRawMode?.(false);
  }
}

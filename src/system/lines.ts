/** The output of a child, line by line, in bounded memory. */

import type { Readable } from 'node:stream';

/** A longer line is passed on in pieces: a child that prints no newline must not fill our memory. */
const LONGEST = 64 * 1024;

/** Calls `onLine` with each line of the stream, without its newline, and with an unfinished last one. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length > LONGEST) {
      onLine(rest);
      rest = '';
    }
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
    rest = '';
  });
  stream.on('error', () => undefined); // The end of the child says more than the end of its pipe.
}

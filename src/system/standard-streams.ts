/**
 * What a long-lived program says on standard output and error. Nobody has to listen: a reader that has gone
 * (`… | head -1`) is no reason to end what is served, and one that stands still must not cost memory without end.
 */

import type { Writable } from 'node:stream';

/** Bytes that may wait for a reader; what comes then is left out. */
const MOST_WAITING = 2 ** 20;

/** Whether all that was written to these streams has gone out, or can not any more. */
export function isWritten(streams: readonly Pick<Writable, 'errored' | 'writableLength'>[]): boolean {
  return streams.every(({ errored, writableLength }) => errored || writableLength === 0);
}

/**
 * A way to write text to `stream` that never throws and never waits. Errors of the stream are of no account from now on;
 * how much was left out, because the reader stood still, is told when it goes on.
 */
export function patientWriter(stream: Writable): (text: string) => void {
  let gone = false;
  let leftOut = 0;
  stream.on('error', () => {
    gone = true;
  });
  stream.on('drain', () => {
    if (leftOut > 0) stream.write(`(${leftOut} lines are left out here: they were not read in time)\n`);
    leftOut = 0;
  });
  return text => {
    if (gone) return;
    if (leftOut > 0 || stream.writableLength > MOST_WAITING) leftOut++;
    else stream.write(text);
  };
}

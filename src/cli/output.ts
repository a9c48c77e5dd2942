/**
 * Writing to a terminal, a file or a pipe. A reader that has seen enough (`dm list | head`) closes its
 * pipe: that is no failure. A full disk is one.
 */

import type { Writable } from 'node:stream';
import { DmError, errno } from '../lib/errors.ts';

export interface Output {
  write(text: string): void;
  /** Waits until all is written. @throws DmError internal/OUTPUT_FAILED */
  flush(): Promise<void>;
}

/** `open` gives the stream; it is called when there is something to write, and once. */
export function output(open: () => Writable): Output {
  let stream: Writable | undefined;
  let failure: unknown;
  const opened = () => {
    stream ??= open().on('error', error => {
      failure ??= error;
    });
    return stream;
  };
  return {
    write(text) {
      if (failure === undefined) opened().write(text);
    },
    async flush() {
      const used = stream;
      if (used && failure === undefined) {
        await new Promise<void>(resolve => {
          used.write('', error => {
            if (error) failure ??= error;
            resolve();
          });
        });
      }
      if (failure !== undefined && errno(failure) !== 'EPIPE') {
        throw new DmError('internal', 'OUTPUT_FAILED', `The output can not be written (${errno(failure)}).`, {
          cause: failure,
        });
      }
    },
  };
}

/** Waiting until a service that was started answers, or has ended instead. */

import { DmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import type { Service } from '../system/service.ts';

export interface Readiness {
  service: Service;
  name: string;
  /** Code of the error, kind `services`. */
  code: string;
  deadlineMs: number;
  signal: AbortSignal;
  /** Whether it answers; must not throw, and must have a deadline of its own. */
  look: () => Promise<boolean>;
}

/** At most 20 ms between two looks: a boot waits for this. */
const EVERY_MS = 10;
const LAST_LINES_MS = 500;

/** @throws DmError services/<code> with the service's last lines; the signal's reason */
export async function awaitReady({
  service,
  name,
  code,
  deadlineMs,
  signal,
  look,
}: Readiness): Promise<void> {
  let ended = '';
  void service.exited.then(exit => {
    ended = `ended (${exit.signal ?? `exit code ${exit.code}`}) before it was ready`;
  });
  const outcome = await until(async () => (ended !== '' ? 'ended' : (await look()) && 'ready'), {
    deadlineMs,
    everyMs: EVERY_MS,
    signal,
  });
  if (outcome === 'ready') return;
  // A process is gone before its last lines have come through the pipe.
  if (ended) await until(() => service.tail().length > 0, { deadlineMs: LAST_LINES_MS });
  const fault = ended || `gives no answer within ${Math.round(deadlineMs / 1000)} s`;
  throw new DmError('services', code, `${name} ${fault}${lastWords(service)}`, {
    hint: 'More is in the log with --log-level=debug.',
    data: { tail: service.tail() },
  });
}

/** The last lines of a service as the end of a sentence. */
export function lastWords(service: Pick<Service, 'tail'>): string {
  const lines = service.tail().slice(-3);
  return lines.length === 0 ? '.' : `; its last words: ${lines.join(' | ')}`;
}

/** The liveness listener: `GET /check` on a port of its own, without credentials. Wire reference §1.2. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Workshop } from '../dots/index.ts';
import { within } from '../lib/retry.ts';
import { reply, replyError, replyNotFound, replyText } from './replies.ts';

const DEADLINE_MS = 5_000;

export async function answerCheck(
  workshop: Workshop,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (req.url?.split('?')[0] !== '/check') replyNotFound(res);
  else if (req.method !== 'GET') reply(res, 405, '');
  else {
    const fault = await within(workshop.check(), DEADLINE_MS).catch((error: Error) => error.message);
    if (fault === '') replyText(res, 200, 'OK');
    else replyError(res, 500, `${fault ?? `There was no answer within ${DEADLINE_MS / 1000} s.`}\n`);
  }
}

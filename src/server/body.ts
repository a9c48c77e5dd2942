/** Reading a request's body, up to a limit. */

import type { IncomingMessage } from 'node:http';

/** A commit's metadata may be 100 values of 64 KiB, which JSON makes longer. */
export const BODY_LIMIT = 16 << 20;
/** So much more is read and thrown away, so that an honest client gets to see its refusal. */
const PATIENCE = 8 << 20;

/** The body as text; undefined when it is over the limit. Rejects when the client goes away or is cut. */
export async function readBody(req: IncomingMessage, limit = BODY_LIMIT): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop cuts the connection.
    if (size > limit + PATIENCE) return undefined;
    if (size <= limit) chunks.push(chunk);
  }
  return size > limit ? undefined : Buffer.concat(chunks).toString('utf8');
}

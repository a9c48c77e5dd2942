/** Answers of the HTTP side, with the original's headers and bodies. Wire reference §1.2, §1.3, §1.4. */

import type { ServerResponse } from 'node:http';

/** A client that does not take its answer within this many milliseconds is cut. */
const TAKE_ANSWER_MS = 60_000;

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' };
const NOSNIFF = { 'X-Content-Type-Options': 'nosniff' };

export function reply(
  res: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  const timer = setTimeout(() => res.destroy(), TAKE_ANSWER_MS).unref();
  res.once('close', () => clearTimeout(timer));
  res.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

export const replyText = (res: ServerResponse, status: number, body: string): void =>
  reply(res, status, body, TEXT);

/** As Go's `http.Error`: the text and a newline. */
export const replyError = (res: ServerResponse, status: number, sentence: string): void =>
  reply(res, status, `${sentence}\n`, { ...TEXT, ...NOSNIFF });

export const replyNotFound = (res: ServerResponse): void => replyError(res, 404, '404 page not found');

/** No `WWW-Authenticate`: clients go by the status alone. */
export const replyUnauthorized = (res: ServerResponse): void => replyError(res, 401, 'Unauthorized.');

/** `body` is one line of JSON, or '' for a request that wants no answer: then there is no content type either. */
export function replyRpc(res: ServerResponse, body: string, reached: boolean): void {
  reply(res, 200, body, {
    ...(body === '' ? {} : { 'Content-Type': 'application/json; charset=utf-8' }),
    ...(reached ? { 'x-content-type-options': 'nosniff' } : {}),
  });
}

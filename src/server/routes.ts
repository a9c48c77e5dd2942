/** Which handler answers a request. Wire reference §1.2; routes of what is not here yet are not found. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerDiff, diffTarget } from './diff-route.ts';
import { reply, replyError, replyNotFound, replyText } from './replies.ts';
import { answerRpc, type RpcContext } from './rpc.ts';
import { answerS3, s3Target } from './s3-routes.ts';

type Handler = (context: RpcContext, req: IncomingMessage, res: ServerResponse) => Promise<void> | void;

interface Route {
  /** undefined: any. */
  method: 'POST' | undefined;
  handle: Handler;
}

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/rpc', { method: 'POST', handle: answerRpc }],
  ['/check', { method: undefined, handle: (_context, _req, res) => replyText(res, 200, 'OK') }],
  ['/metrics', { method: undefined, handle: answerMetrics }],
]);

/** Answers, and gives the path of the route for the metrics: undefined when there was none. */
export async function route(
  context: RpcContext,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<string | undefined> {
  const target = readTarget(req.url ?? '');
  if (target === undefined) {
    replyError(res, 400, '400 Bad Request');
    return undefined;
  }
  const clean = cleanPath(target.path);
  if (clean !== target.path) {
    const location = clean.split('/').map(encodeURIComponent).join('/') + target.query;
    reply(res, 301, '', { Location: location });
    return undefined;
  }
  const found = ROUTES.get(target.path);
  if (found === undefined) {
    const s3 = s3Target(target.path);
    if (s3 !== undefined) {
      await answerS3(context, s3, target.query, req, res);
      return '/s3/*';
    }
    const diff = diffTarget(target.path);
    if (diff === undefined) {
      replyNotFound(res);
      return undefined;
    }
    if (req.method === 'GET') await answerDiff(context, diff, req, res);
    else reply(res, 405, '');
    return '/diff/*';
  }
  if (found.method !== undefined && found.method !== req.method) reply(res, 405, '');
  else await found.handle(context, req, res);
  return target.path;
}

/** Decoded path and raw query of a request target (`/path?query`, or with a scheme and host in front). */
function readTarget(url: string): { path: string; query: string } | undefined {
  const local = url.replace(/^https?:\/\/[^/?]*/i, '');
  const at = local.indexOf('?');
  const [path, query] = at === -1 ? [local, ''] : [local.slice(0, at), local.slice(at)];
  try {
    return { path: decodeURIComponent(path), query };
  } catch {
    return undefined;
  }
}

/** As Go's `path.Clean`, but a slash at the end stays. */
export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  const slash = path.endsWith('/') && kept.length > 0 ? '/' : '';
  return `/${kept.join('/')}${slash}`;
}

async function answerMetrics({ metrics }: RpcContext, _req: IncomingMessage, res: ServerResponse) {
  reply(res, 200, await metrics.text(), { 'Content-Type': metrics.contentType });
}

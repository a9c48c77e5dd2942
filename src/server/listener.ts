/** An HTTP server that no single client can hold up: each phase of a request has a bound. */

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Log } from '../lib/log.ts';
import { until } from '../lib/retry.ts';
import { replyError } from './replies.ts';

export interface Limits {
  /** Milliseconds for the request line and headers. */
  headersMs: number;
  /** Milliseconds for the whole request, body included. */
  requestMs: number;
  /** Milliseconds between two looks for requests that are late. */
  checkMs: number;
  maxConnections: number;
}

export const LIMITS: Limits = { headersMs: 10_000, requestMs: 30_000, checkMs: 2_000, maxConnections: 1024 };
/** Longer than the pools of common HTTP clients keep theirs, so that none picks up a connection we just closed. */
const KEEP_ALIVE_MS = 120_000;

export type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** A server that is not listening yet. What `answer` throws is logged; the client gets a 503 with a sentence. */
export function createListener(answer: Answer, log: Log, limits: Limits = LIMITS): Server {
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      // Node's own would cut large uploads too, and can't be changed for one request.
      requestTimeout: 0,
      connectionsCheckingInterval: limits.checkMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (req, res) => {
      // A client may go at any time; Node would take an unheard error for a crash.
      req.on('error', () => {});
      res.on('error', () => {});
      setDeadline(req, limits.requestMs);
      answer(req, res).catch(error => fail(req, res, error, log));
    },
  );
  server.maxConnections = limits.maxConnections;
  return server;
}

const deadlines = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** A request whose body is not there in time is answered 408 and cut. */
function setDeadline(req: IncomingMessage, requestMs: number): void {
  const timer = setTimeout(() => {
    if (!req.complete)
      req.socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n', () => req.destroy());
  }, requestMs);
  deadlines.set(req, timer);
  req.once('end', () => clearTimeout(timer));
  req.once('close', () => clearTimeout(timer));
}

/** For a body of any size: it may take as long as it likes, provided that no pause is longer than `idleMs`. */
export function liftDeadline(req: IncomingMessage, idleMs: number): void {
  clearTimeout(deadlines.get(req));
  const { socket } = req;
  const cut = () => req.destroy();
  socket.setTimeout(idleMs, cut);
  req.once('close', () => {
    socket.setTimeout(0);
    socket.off('timeout', cut);
  });
}

function fail(req: IncomingMessage, res: ServerResponse, error: unknown, log: Log): void {
  if (req.destroyed && !req.complete) return;
  const reference = randomBytes(4).toString('hex');
  log.error({ err: error, reference }, 'A request failed by a fault of ours.');
  if (res.headersSent) res.destroy();
  else replyError(res, 503, `The server failed at this by a fault of its own, logged as ${reference}.`);
}

/** Takes no more connections, lets running requests end for at most `graceMs`, then cuts what is left. */
export async function drain(server: Server, graceMs: number): Promise<void> {
  let closed = false;
  server.close(() => {
    closed = true;
  });
  // A connection that has just been answered counts as idle only from then on.
  const look = () => {
    server.closeIdleConnections();
    return closed;
  };
  if (!(await until(look, { deadlineMs: graceMs }))) server.closeAllConnections();
}

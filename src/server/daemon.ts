/**
 * The doors of the server as a whole. Start: TCP port, liveness port, UNIX socket. Stop: no new connections,
 * running requests end (for at most `graceMs`). The workshop behind them is the caller's to close, afterwards.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Workshop } from '../dots/index.ts';
import { isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { type Address, formatAddress } from './address.ts';
import type { Door } from './auth.ts';
import { answerCheck } from './check.ts';
import { listenSocket, listenTcp } from './doors.ts';
import { type Answer, createListener, drain, LIMITS, type Limits } from './listener.ts';
import { createMetrics } from './metrics.ts';
import { route } from './routes.ts';

const GRACE_MS = 2_000;

export interface DaemonOptions {
  workshop: Workshop;
  log: Log;
  pool: string;
  /** Undefined for the UNIX socket alone. */
  listen: Address | undefined;
  /** Path of the UNIX socket; undefined for none. */
  socket: string | undefined;
  /** Liveness listener; undefined for none. */
  check: Address | undefined;
  limits?: Limits;
  graceMs?: number;
}

export interface Daemon {
  /** The TCP port that was opened; undefined when there is none. */
  port: number | undefined;
  /** The liveness port; undefined when there is none. */
  checkPort: number | undefined;
  stop(): Promise<void>;
}

/**
 * Opens the doors of a workshop that is ready. When one cannot be opened the others are closed again, and the
 * workshop is left to the caller.
 *
 * @throws DmError services/PORT_TAKEN, services/SOCKET_TAKEN, services/LISTEN_FAILED
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { workshop, log, limits = LIMITS, graceMs = GRACE_MS } = options;
  const answer = createAnswer(options);
  const servers: Server[] = [];
  const open = (how: Answer): Server => {
    const server = createListener(how, log, limits);
    servers.push(server);
    return server;
  };
  const close = () => Promise.all(servers.map(server => drain(server, graceMs)));
  try {
    const { listen } = options;
    const port = listen && (await listenTcp(open(answer('tcp')), listen));
    const checkPort = options.check && (await openCheck(options.check));
    // Last: who starts us waits for an answer here, and then everything is open.
    if (options.socket !== undefined) await listenSocket(open(answer('socket')), options.socket);
    const where = listen && port !== undefined ? formatAddress({ ...listen, port }) : 'off';
    log.info({ listen: where }, 'The server is ready.');
    return { port, checkPort, stop };
  } catch (error) {
    await close();
    throw error;
  }

  /** The liveness port is a convenience: when it is taken, the server goes on without. */
  async function openCheck(address: Address): Promise<number | undefined> {
    const server = open((req, res) => answerCheck(workshop, req, res));
    try {
      return await listenTcp(server, address);
    } catch (error) {
      if (!isDmError(error)) throw error;
      servers.splice(servers.indexOf(server), 1);
      log.warn(`There is no liveness port: ${error.message} DOTMESH_CHECK_LISTEN changes it.`);
      return undefined;
    }
  }

  async function stop(): Promise<void> {
    log.info('The server stops.');
    await close();
  }
}

function createAnswer({ workshop, log, pool }: DaemonOptions): (door: Door) => Answer {
  const metrics = createMetrics({
    nodeName: workshop.nodeId,
    pool,
    poolUsage: () => workshop.poolUsage(),
  });
  return door => async (req: IncomingMessage, res: ServerResponse) => {
    const start = performance.now();
    const path = await route({ workshop, metrics, log, door }, req, res);
    metrics.countRequest(path, req.method ?? '', res.statusCode, (performance.now() - start) / 1000);
  };
}

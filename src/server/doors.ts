/** Opening the server's doors: a TCP port, and the UNIX socket on which the caller is admin. */

import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { DmError, errno } from '../lib/errors.ts';
import { type Address, formatAddress } from './address.ts';
import { portOwner } from './port-owner.ts';

/**
 * Looks whether another server has our doors, before anything is touched that it may be using.
 *
 * @throws DmError services/PORT_TAKEN, services/SOCKET_TAKEN, services/LISTEN_FAILED
 */
export async function refuseTakenDoors(
  address: Address | undefined,
  socket: string | undefined,
): Promise<void> {
  if (socket !== undefined) await removeStale(socket);
  if (address === undefined) return;
  const trial = createServer();
  await listenTcp(trial, address);
  await new Promise(resolve => trial.close(resolve));
}

/** The port that was opened. @throws DmError services/PORT_TAKEN, services/LISTEN_FAILED */
export async function listenTcp(server: Server, address: Address): Promise<number> {
  try {
    await listen(server, address.host === undefined ? { port: address.port } : { ...address });
  } catch (error) {
    throw listenError(error, address);
  }
  const bound = server.address();
  return bound !== null && typeof bound === 'object' ? bound.port : address.port;
}

function listenError(error: unknown, address: Address): DmError {
  if (errno(error) === 'EADDRINUSE') {
    const owner = portOwner(address.port);
    const by = owner === undefined ? '' : ` by ${owner}`;
    return new DmError('services', 'PORT_TAKEN', `Port ${address.port} is already in use${by}.`, {
      hint: 'Stop that program, or listen elsewhere (DOTMESH_LISTEN=[HOST]:PORT).',
      cause: error,
    });
  }
  return new DmError(
    'services',
    'LISTEN_FAILED',
    `The server cannot listen on ${formatAddress(address)}: ${(error as Error).message}.`,
    { cause: error },
  );
}

/**
 * Opens the socket with mode 0600 from its first moment. One that was left behind is replaced; Node removes it
 * again when the server closes.
 *
 * @throws DmError services/SOCKET_TAKEN, services/LISTEN_FAILED
 */
export async function listenSocket(server: Server, path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await removeStale(path);
    await withUmask(0o177, () => listen(server, { path }));
    chmodSync(path, 0o600);
  } catch (error) {
    if (error instanceof DmError) throw error;
    const reason = (error as Error).message;
    throw new DmError('services', 'LISTEN_FAILED', `The server cannot open its socket ${path}: ${reason}.`, {
      cause: error,
    });
  }
}

/**
 * `work` must make its files within the call itself, as bind(2) of a listening socket does: the umask is the whole
 * process's. A worker thread cannot set it; there the mode is right only after the chmod that follows.
 */
function withUmask<T>(mask: number, work: () => T): T {
  if (!isMainThread) return work();
  const before = process.umask(mask);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new DmError('services', 'SOCKET_TAKEN', `${path} is no socket, so it is left alone.`, {
      hint: 'Remove it, or set DOTMESH_SOCKET to another path.',
    });
  }
  if (await answers(path)) {
    throw new DmError('services', 'SOCKET_TAKEN', `Another server is listening on ${path}.`, {
      hint: 'One server per pool is enough; stop the other one first.',
    });
  }
  rmSync(path, { force: true });
}

/** Whether somebody listens: then connect(2) on a UNIX socket succeeds, or is told to try again (a full queue). */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ path });
    const settle = (there: boolean) => {
      socket.destroy();
      resolve(there);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', error => settle(errno(error) !== 'ECONNREFUSED' && errno(error) !== 'ENOENT'));
  });
}

function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

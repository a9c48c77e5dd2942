/** Step 4: dotmesh-server, connected to etcd, on its port and on a UNIX socket where we are admin. */

import { access, constants, realpath, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { DmError } from '../lib/errors.ts';
import { CONTAINER_MOUNT_PREFIX, MOUNT_PREFIX } from '../model/layout.ts';
import { type Service, startService } from '../system/service.ts';
import { ENV } from '../wire/environment.ts';
import type { Clock, Context, ServerClient } from './context.ts';
import type { LogChoice } from './options.ts';
import { awaitReady } from './readiness.ts';
import { type RunPaths, writeRunFile } from './run-files.ts';
import type { SecretFiles } from './secrets.ts';
import { formatListen, type ListenAddress } from './values.ts';

export const SERVER_GRACE_MS = 6_000;
/** It rebuilds its registry at start, on a large pool from ZFS; an overloaded emulated machine took 70 s. */
const READY_WITHIN_MS = 120_000;
const PING_MS = 2_000;
const PROGRAM = 'dotmesh-server';
/**
 * It waits most of its life, on small machines: a heap for young objects of 1 MiB instead of 16, and two arenas for
 * malloc instead of eight per core, are enough for it. Not as arguments, since its name is looked for behind `node`.
 * (node(1), mallopt(3)) Pure.
 */
export function sparing(nodeOptions: string | undefined): Record<string, string> {
  return { NODE_OPTIONS: `${nodeOptions ?? ''} --max-semi-space-size=1`.trim(), MALLOC_ARENA_MAX: '2' };
}

export interface ServerSettings {
  poolName: string;
  stateDirectory: string;
  secrets: SecretFiles;
  /** Undefined: on the UNIX socket alone. */
  listen: ListenAddress | undefined;
  log: LogChoice;
}

/**
 * Variables for the server's process; paths of secrets, never secrets, and undefined for what must not come
 * through from our own environment. Pure.
 */
export function serverEnvironment(
  paths: RunPaths,
  settings: ServerSettings,
): Record<string, string | undefined> {
  return {
    [ENV.pool]: settings.poolName,
    [ENV.mountPrefix]: MOUNT_PREFIX,
    [ENV.containerMountPrefix]: CONTAINER_MOUNT_PREFIX,
    [ENV.etcdEndpoint]: `unix://${paths.etcdSocket}`,
    [ENV.listen]: formatListen(settings.listen),
    [ENV.socket]: paths.serverSocket,
    [ENV.stateDirectory]: settings.stateDirectory,
    [ENV.adminApiKeyFile]: settings.secrets.apiKeyFile,
    [ENV.adminPasswordFile]: settings.secrets.passwordFile,
    [ENV.adminApiKey]: undefined,
    [ENV.adminPassword]: undefined,
    [ENV.containerRuntime]: 'null',
    [ENV.disableFlexvolume]: '1',
    [ENV.logLevel]: settings.log.level,
    [ENV.logFormat]: settings.log.format,
  };
}

/**
 * Starts the server and waits until it answers `Ping`.
 *
 * @param etcdWithinMs how long etcd may still take, which the server waits for
 * @throws DmError services/SERVER_MISSING, services/SERVER_NOT_READY with its last lines
 */
export async function startServer(
  paths: RunPaths,
  settings: ServerSettings,
  context: Context,
  clock: Clock,
  { etcdWithinMs = 0 } = {},
): Promise<Service> {
  const argv = await serverArgv(context.adapters.program);
  await rm(paths.serverSocket, { force: true });
  const env = { ...sparing(process.env['NODE_OPTIONS']), ...serverEnvironment(paths, settings) };
  // Its lines come with a time and a level of their own: they go on as they are.
  const log = context.log.child({}, { level: 'silent' });
  const onOutput = (line: string) => context.relay(line);
  const service = await startService({ name: PROGRAM, argv, env, cwd: '/', log, onOutput });
  const client = context.adapters.connectServer(paths.serverSocket);
  try {
    await writeRunFile(paths.server, { role: 'server', ...service.identity });
    await awaitReady({
      service,
      name: PROGRAM,
      code: 'SERVER_NOT_READY',
      deadlineMs: READY_WITHIN_MS + etcdWithinMs,
      signal: clock.signal,
      look: () => answersPing(client),
    });
    return service;
  } catch (error) {
    await service.stop(SERVER_GRACE_MS);
    throw error;
  } finally {
    client.close();
  }
}

/** Whether the server answers now; never throws. */
export async function answersPing(client: Pick<ServerClient, 'call'>): Promise<boolean> {
  try {
    return await client.call('Ping', null, { timeoutMs: PING_MS });
  } catch {
    return false;
  }
}

/**
 * The server beside our own program, run by the Node that runs us (PATH may lead to an older one), else on
 * PATH.
 *
 * @throws DmError services/SERVER_MISSING
 */
export async function serverArgv(
  program: string,
  path = process.env['PATH'] ?? '',
): Promise<[string, ...string[]]> {
  const beside = join(dirname(await realpath(program).catch(() => program)), PROGRAM);
  if (await isExecutable(beside)) return [process.execPath, beside];
  for (const directory of path.split(delimiter).filter(each => each.startsWith('/'))) {
    const candidate = join(directory, PROGRAM);
    if (await isExecutable(candidate)) return [candidate];
  }
  throw new DmError('services', 'SERVER_MISSING', `There is no ${PROGRAM} beside ${program} nor on PATH.`, {
    hint: 'Install it in the directory of dm-linuxkit.',
  });
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

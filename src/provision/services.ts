/** etcd and the server of one pool as a pair: started in order, stopped in reverse order. */

import type { Service } from '../system/service.ts';
import { abortable, type Clock, type Context } from './context.ts';
import { ETCD_GRACE_MS, ETCD_START_MS, removeSockets, type StartedEtcd, startEtcd } from './etcd-service.ts';
import { type RunPaths, removeRunFile } from './run-files.ts';
import { SERVER_GRACE_MS, type ServerSettings, startServer } from './server-service.ts';
import { PROBE_MS } from './state-dataset.ts';

export interface Services {
  /** The one that runs now, or ran last. */
  etcd(): Service;
  server(): Service;
  restartEtcd(clock: Clock): Promise<void>;
  restartServer(clock: Clock): Promise<void>;
  /** The server first, then etcd; waits for both. */
  stop(): Promise<void>;
}

/** @throws what startEtcd and startServer throw; nothing runs then */
export async function startServices(
  paths: RunPaths,
  settings: ServerSettings,
  context: Context,
  clock: Clock,
): Promise<Services> {
  let { etcd, server } = await startBoth(paths, settings, context, clock);
  return {
    etcd: () => etcd,
    server: () => server,
    async restartEtcd(until) {
      const started = await startEtcdAgain(paths, settings, context, until);
      etcd = started.service;
      // The server fills an empty index only when it starts.
      if (started.fresh) await server.stop(SERVER_GRACE_MS);
    },
    async restartServer(until) {
      server = await startServer(paths, settings, context, until);
    },
    async stop() {
      try {
        await stopService(server, SERVER_GRACE_MS, paths.server);
      } finally {
        await stopService(etcd, ETCD_GRACE_MS, paths.etcd);
      }
    },
  };
}

/** It may have died of a ZFS that hangs; then nothing on the pool is to be touched. @throws what startEtcd throws */
export async function startEtcdAgain(
  paths: RunPaths,
  { stateDirectory }: Pick<ServerSettings, 'stateDirectory'>,
  context: Context,
  clock: Clock,
): Promise<StartedEtcd> {
  await abortable(context.adapters.probeFiles(stateDirectory, PROBE_MS), clock.signal);
  return startEtcd(paths, stateDirectory, context, clock);
}

/**
 * The server is loaded while etcd elects itself, which is a part of every boot: it waits for etcd by itself, and
 * answers only afterwards. When one fails the other is taken back.
 */
async function startBoth(
  paths: RunPaths,
  settings: ServerSettings,
  context: Context,
  clock: Clock,
): Promise<{ etcd: Service; server: Service }> {
  const failed = new AbortController();
  const either = { ...clock, signal: AbortSignal.any([clock.signal, failed.signal]) };
  const giveUp = (error: unknown) => {
    failed.abort(error);
    return undefined;
  };
  await removeSockets(paths);
  const [etcd, server] = await Promise.all([
    startEtcd(paths, settings.stateDirectory, context, either).catch(giveUp),
    startServer(paths, settings, context, either, { etcdWithinMs: ETCD_START_MS }).catch(giveUp),
  ]);
  if (etcd && server && !etcd.isSecond) return { etcd: etcd.service, server };
  if (server) await stopService(server, SERVER_GRACE_MS, paths.server);
  try {
    // The server may have filled the etcd that is gone: it fills an empty index only when it starts.
    if (etcd && server)
      return { etcd: etcd.service, server: await startServer(paths, settings, context, clock) };
    throw failed.signal.reason;
  } catch (error) {
    if (etcd) await stopService(etcd.service, ETCD_GRACE_MS, paths.etcd);
    throw error;
  }
}

async function stopService(service: Service, graceMs: number, runFile: string): Promise<void> {
  await service.stop(graceMs);
  await removeRunFile(runFile, service.identity);
}

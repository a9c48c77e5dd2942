/** Step 8: provide, stay in the foreground, look after etcd and the server, leave in order. */

import { asDmError, DmError } from '../lib/errors.ts';
import { processIdentity } from '../system/processes.ts';
import { bringUp, type Run, type Up } from './bring-up.ts';
import { againstTheClock, type Context, withClient } from './context.ts';
import { expose } from './expose.ts';
import { startHeartbeat } from './heartbeat.ts';
import type { ProvisionOptions } from './options.ts';
import { servingDaemon, withPoolLock } from './pool-lock.ts';
import { asRun, provideDot } from './provision.ts';
import { type RunFile, type RunPaths, removeRunFile, writeRunFile } from './run-files.ts';
import type { Services } from './services.ts';
import { type Supervised, supervise } from './supervise.ts';
import { formatListen } from './values.ts';

/** A service that does not come up within this is a service that died. */
const RESTART_MS = 120_000;
const MOUNTS_MS = 60_000;

/**
 * Serves the pool until a signal asks us to end, and resolves when everything is stopped.
 *
 * @throws DmError locked/DAEMON_RUNNING, services/SERVICE_GAVE_UP, and what provisioning throws
 */
export async function runDaemon(options: ProvisionOptions, context: Context): Promise<void> {
  const { paths, up } = await asRun(options, context, run => startServing(run));
  const heartbeat = startHeartbeat(up.stateDirectory, context.log);
  try {
    await supervise(supervised(up.services), context.interrupted, context.log);
    context.tell('Stopping.');
  } finally {
    heartbeat.stop();
    await endServing(paths, up.services, formatListen(options.listen));
  }
}

async function startServing(run: Run): Promise<{ paths: RunPaths; up: Up }> {
  const { options, paths, context, clock } = run;
  const listen = formatListen(options.listen);
  // Before waiting for the lock, since a daemon that starts holds it; and under the lock once more.
  await refuseSecond(run);
  return withPoolLock(paths, context, clock, async () => {
    await refuseSecond(run);
    await writeRunFile(paths.daemon, self('starting', listen));
    let up: Up | undefined;
    try {
      up = await bringUp(run);
      const outcome = await provideDot(run);
      await exposeRemembered(run);
      await writeRunFile(paths.daemon, self('serving', listen));
      const mounted = outcome === undefined ? '' : `${outcome}; `;
      context.tell(`Ready: ${mounted}API on ${listen}, the admin's key in ${up.secrets.apiKeyFile}.`);
      return { paths, up };
    } catch (error) {
      await up?.services.stop();
      await removeRunFile(paths.daemon);
      throw error;
    }
  });
}

async function refuseSecond({ paths, clock }: Run): Promise<void> {
  const other = await servingDaemon(paths, clock);
  if (!other || other.pid === process.pid) return;
  throw new DmError('locked', 'DAEMON_RUNNING', `A daemon (pid ${other.pid}) serves this pool already.`, {
    hint: 'Without --daemon, a dot is provided through it; "dm-linuxkit stop" ends it.',
    data: { pid: other.pid },
  });
}

/** Every mount that was recorded appears again; one that can not is a warning, not the end of the others. */
async function exposeRemembered({ options, paths, context, clock }: Run): Promise<void> {
  const mounts = await withClient(context, paths.serverSocket, clock, client =>
    client.call('Mounts', null, { timeoutMs: MOUNTS_MS }),
  );
  for (const mount of outerFirst(mounts)) {
    clock.signal.throwIfAborted();
    const name = `${mount.Namespace}/${mount.Name}.${mount.Subdot}`;
    try {
      if (mount.Fault !== '' || mount.Path === '')
        throw new Error(mount.Fault || 'it is not on the pool any more');
      const how = await expose(options.poolName, mount, context.adapters);
      if (how === 'mounted') context.tell(`${name} is mounted at ${mount.Mountpoint} again.`);
    } catch (error) {
      context.log.warn(`${name} is not mounted at ${mount.Mountpoint}: ${asDmError(error).message}`);
    }
  }
}

/** A mountpoint may lie within another dot: that one has to be there first. Pure. */
export function outerFirst<T extends { Mountpoint: string }>(mounts: readonly T[]): T[] {
  return [...mounts].sort((one, other) => one.Mountpoint.length - other.Mountpoint.length);
}

function supervised(services: Services): Supervised[] {
  const restart = (again: Services['restartEtcd']) => (signal: AbortSignal) =>
    againstTheClock({ interrupted: signal }, RESTART_MS, again);
  return [
    { name: 'etcd', current: services.etcd, restart: restart(services.restartEtcd) },
    { name: 'dotmesh-server', current: services.server, restart: restart(services.restartServer) },
  ];
}

/**
 * Without the lock: `dm-linuxkit stop` holds it while it waits for us. Who comes meanwhile reads "stopping"
 * and waits until we are gone.
 */
async function endServing(paths: RunPaths, services: Services, listen: string): Promise<void> {
  try {
    await writeRunFile(paths.daemon, self('stopping', listen));
  } finally {
    await services.stop();
  }
  await removeRunFile(paths.daemon);
}

function self(state: RunFile['state'], listen: string): Omit<RunFile, 'boot'> {
  const { pid } = process;
  return { role: 'daemon', state, listen, pid, startTime: processIdentity(pid)?.startTime ?? 0 };
}

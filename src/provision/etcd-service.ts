/** Step 3: etcd on a UNIX socket, for a pool that is mounted. */

import { chmod, rm } from 'node:fs/promises';
import { DmError, isDmError } from '../lib/errors.ts';
import { run } from '../system/run.ts';
import { type Service, startService } from '../system/service.ts';
import { abortable, type Clock, type Context } from './context.ts';
import { type EtcdVersion, etcdArguments, etcdEnvironment, parseEtcdVersion } from './etcd-arguments.ts';
import { prepareEtcdData, setAside } from './etcd-data.ts';
import { awaitReady } from './readiness.ts';
import { type RunPaths, writeRunFile } from './run-files.ts';

export const ETCD_GRACE_MS = 3_000;
/** It takes 0.2 s; an emulated machine with ten other things to do has been seen to need fifty times that. */
const READY_WITHIN_MS = 60_000;
/** The longest that `startEtcd` takes: two tries, and the end of the first. */
export const ETCD_START_MS = 2 * READY_WITHIN_MS + ETCD_GRACE_MS + 10_000;

const VERSION_MS = 20_000;

export interface StartedEtcd {
  service: Service;
  /** It began with nothing: whoever filled it before has to do so again. */
  fresh: boolean;
  /** Another one before it may have answered for a moment. */
  isSecond: boolean;
}

/**
 * Starts etcd and waits until it answers a read. When it does not start on the data that is there, it gets
 * a second chance with none.
 *
 * @throws DmError services/ETCD_MISSING, ETCD_UNSUPPORTED, ETCD_UNUSABLE with its words, ETCD_NOT_READY with its last
 *   lines; the clock's reason
 */
export async function startEtcd(
  paths: RunPaths,
  stateDirectory: string,
  context: Context,
  clock: Clock,
): Promise<StartedEtcd> {
  const version = await installedEtcd(clock);
  const data = await prepareEtcdData(stateDirectory, version.series, context.log);
  try {
    return { service: await attempt(data.directory), fresh: data.fresh, isSecond: false };
  } catch (error) {
    if (data.fresh || !isDmError(error, 'ETCD_NOT_READY') || clock.signal.aborted) throw error;
    await setAside(stateDirectory, error.message, context.log);
    return { service: await attempt(data.directory), fresh: true, isSecond: true };
  }

  async function attempt(directory: string): Promise<Service> {
    await removeSockets(paths);
    const argv: [string, ...string[]] = ['etcd', ...etcdArguments(version, directory)];
    const service = await startPrivately(argv);
    const etcd = context.adapters.connectEtcd(paths.etcdSocket);
    try {
      await writeRunFile(paths.etcd, { role: 'etcd', ...service.identity });
      await awaitReady({
        service,
        name: 'etcd',
        code: 'ETCD_NOT_READY',
        deadlineMs: READY_WITHIN_MS,
        signal: clock.signal,
        look: () => etcd.healthy(1_000),
      });
      // Private from birth by the umask, which leaves the bit that means nothing on a socket.
      for (const socket of [paths.etcdSocket, paths.etcdPeerSocket]) await chmod(socket, 0o600);
      return service;
    } catch (error) {
      await service.stop(ETCD_GRACE_MS);
      throw error;
    } finally {
      etcd.close();
    }
  }

  /**
   * The umask is the only way to tell etcd the mode of its sockets; a child takes it over as it is forked.
   */
  async function startPrivately(argv: [string, ...string[]]): Promise<Service> {
    const env = etcdEnvironment(process.env);
    const before = process.umask(0o077);
    let starting: Promise<Service>;
    try {
      starting = startService({ name: 'etcd', argv, env, cwd: paths.directory, log: context.log });
    } finally {
      process.umask(before);
    }
    return starting;
  }
}

/** A socket of a killed run would let one knock at a door with nobody behind it, or somebody else. */
export async function removeSockets(paths: Pick<RunPaths, 'etcdSocket' | 'etcdPeerSocket'>): Promise<void> {
  for (const socket of [paths.etcdSocket, paths.etcdPeerSocket]) await rm(socket, { force: true });
}

async function installedEtcd({ signal }: Pick<Clock, 'signal'>): Promise<EtcdVersion> {
  const options = { timeoutMs: VERSION_MS, env: etcdEnvironment(process.env), signal };
  try {
    // Left alone when the time is up: one that hangs in the kernel does not end by a signal.
    const { stdout } = await abortable(run(['etcd', '--version'], options), signal);
    return parseEtcdVersion(stdout);
  } catch (error) {
    if (isDmError(error, 'COMMAND_MISSING')) {
      throw new DmError('services', 'ETCD_MISSING', 'etcd is not installed.', {
        hint: 'Install it: apt-get install etcd-server (Debian), apk add etcd (Alpine).',
        cause: error,
      });
    }
    if (!isDmError(error, 'COMMAND_FAILED') && !isDmError(error, 'COMMAND_TIMED_OUT')) throw error;
    throw new DmError(
      'services',
      'ETCD_UNUSABLE',
      `etcd can not be asked for its version: ${error.message}`,
      {
        hint: 'Is it built for this machine? See what "etcd --version" says.',
        cause: error,
      },
    );
  }
}

/** Steps 1 to 4: from devices to a server that answers. Each step looks before it acts. */

import { asDmError } from '../lib/errors.ts';
import type { Pool, Zfs } from '../zfs/index.ts';
import type { Progress } from './aftermath.ts';
import { abortable, type Clock, type Context } from './context.ts';
import type { Input } from './input.ts';
import type { ProvisionOptions } from './options.ts';
import { ensurePool } from './pool.ts';
import { refuseServerElsewhere } from './pool-lock.ts';
import { type RunPaths, stopLeftovers } from './run-files.ts';
import { ensureSecrets, type GivenSecrets, rememberGiven, type SecretFiles } from './secrets.ts';
import { type Services, startServices } from './services.ts';
import { ensureStateDirectory, PROBE_MS } from './state-dataset.ts';
import { ensureZfsAnswers } from './zfs-fuse.ts';

/** A run as it goes on: everything the steps share. */
export interface Run {
  options: ProvisionOptions;
  input: Input;
  paths: RunPaths;
  context: Context;
  clock: Clock;
  /** How far it came, for the message when it fails. */
  progress: Progress;
  /** What step 1 has begun to write, likewise. */
  begun: Set<string>;
}

export interface Up {
  services: Services;
  secrets: SecretFiles;
  /** Mounted from the pool. */
  stateDirectory: string;
}

/**
 * @throws whatever a step throws; nothing that was started runs then
 */
export async function bringUp(run: Run): Promise<Up> {
  const { options, paths, context, clock } = run;
  await stopLeftovers(paths, context.log);
  await refuseServerElsewhere(paths, context, clock);
  const found = await ensurePoolOf(run);
  return servicesOn(found, options, run.input.secrets, run);
}

/** Steps 2 to 4, for a pool that is imported. @throws whatever a step throws; nothing that was started runs then */
export async function servicesOn(
  { pool, zfs }: { pool: Pool; zfs: Zfs },
  { poolName, listen, log }: Pick<ProvisionOptions, 'poolName' | 'listen' | 'log'>,
  given: GivenSecrets,
  { paths, context, clock }: Pick<Run, 'paths' | 'context' | 'clock'>,
): Promise<Up> {
  const stateDirectory = await ensureStateDirectory(pool, zfs, directory =>
    context.adapters.probeFiles(directory, PROBE_MS),
  );
  clock.signal.throwIfAborted();
  const secrets = await ensureSecrets(given, stateDirectory, context.log);
  clock.signal.throwIfAborted();
  const settings = { poolName, stateDirectory, secrets, listen, log };
  const services = await startServices(paths, settings, context, clock);
  await rememberGiven(given, stateDirectory).catch((error: unknown) =>
    context.log.warn(`that secrets came from the metadata can not be noted: ${asDmError(error).message}`),
  );
  return { services, secrets, stateDirectory };
}

/** Step 1. With a pool that is imported already this only looks. */
export async function ensurePoolOf(run: Run): Promise<{ pool: Pool; zfs: Zfs }> {
  const { options, context, clock } = run;
  const { log, tell, adapters } = context;
  await ensureZfsAnswers({ log, tell, signal: clock.signal });
  // Questions only: a ZFS that hangs may be left with them when the time has passed.
  const { zfs, pools } = await abortable(adapters.connectZfs(), clock.signal);
  run.progress = 'pool';
  const { poolName, devices, storageSizeBytes, force, takeover, deviceWaitMs } = options;
  const { pool, how } = await ensurePool(
    { poolName, devices, storageSizeBytes, force, takeover },
    { pools, zfs, log, signal: clock.signal, tell, deviceWaitMs, begun: run.begun },
  );
  run.progress = 'imported';
  tell(`The pool ${poolName}: ${how}.`);
  clock.signal.throwIfAborted();
  return { pool, zfs };
}

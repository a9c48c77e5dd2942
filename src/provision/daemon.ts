/** Step 8: provide, stay in the foreground, look after etcd and the server, leave in order. */

import { DmError, isDmError } from '../lib/errors.ts';
import { effectiveUid } from '../system/host.ts';
import { type ProcessId, processIdentity } from '../system/processes.ts';
import { persistence } from './boot-step.ts';
import { bringUp, type Run, type Up } from './bring-up.ts';
import { againstTheClock, type Context } from './context.ts';
import { whileBeating } from './heartbeat.ts';
import { insist } from './on-failure.ts';
import type { ProvisionOptions } from './options.ts';
import { servingDaemon, withPoolLock } from './pool-lock.ts';
import { asRun, guardTarget, mountedStatus, provideDot } from './provision.ts';
import { createReport, isAnothers, type Report } from './report.ts';
import { liesBelow, recordedMounts, restoreMounts } from './restore-mounts.ts';
import { type RunFile, type RunPaths, removeRunFile, writeRunFile } from './run-files.ts';
import type { Services } from './services.ts';
import { type Supervised, supervise } from './supervise.ts';
import { formatListen } from './values.ts';

/** A service that does not come up within this is a service that died. */
const RESTART_MS = 120_000;

/**
 * Serves the pool until a signal asks us to end, and resolves when everything is stopped. A start that fails is tried
 * again as `--on-failure` says.
 *
 * @throws DmError locked/DAEMON_RUNNING, services/SERVICE_GAVE_UP, and what provisioning throws
 */
export async function runDaemon(options: ProvisionOptions, context: Context): Promise<void> {
  const report = await createReport(options, context.log);
  const failed = async (error: unknown) => {
    const tells = effectiveUid() === 0 && !isDmError(error, 'DAEMON_RUNNING') && !(await isAnothers(options));
    if (tells) await report.failed(error);
  };
  const start = () => asRun(options, context, run => startServing(run, report));
  await whileBeating(options.poolName, context.log, async () => {
    const served = await insist(start, persistence(options, failed, context), context);
    try {
      await serve(served, options, context);
    } catch (error) {
      await failed(error);
      throw error;
    }
  });
  await report.state('stopped');
}

interface Served {
  paths: RunPaths;
  up: Up;
}

async function serve({ paths, up }: Served, options: ProvisionOptions, context: Context): Promise<void> {
  try {
    await supervise(supervised(up.services), context.interrupted, context.log);
    context.tell('Stopping.');
  } finally {
    await endServing(paths, up.services, formatListen(options.listen));
  }
}

async function startServing(run: Run, report: Report): Promise<Served> {
  const { options, paths, context, clock } = run;
  const listen = formatListen(options.listen);
  // Before waiting for the lock, since a daemon that starts holds it; and under the lock once more.
  await refuseSecond(run);
  return withPoolLock(paths, context, clock, async () => {
    await refuseSecond(run);
    // A "stop" that held the lock has opened it.
    await guardTarget(options);
    await writeRunFile(paths.daemon, runFile('starting', listen));
    report.named(run.input.address);
    await report.state('provisioning');
    let up: Up | undefined;
    try {
      up = await bringUp(run);
      const outcome = await provideAll(run, report);
      await writeRunFile(paths.daemon, runFile('serving', listen));
      await report.state('serving');
      const mounted = outcome === undefined ? '' : `${outcome}; `;
      context.tell(`Ready: ${mounted}API on ${listen}, ${whereKeyIs(run, up)}.`);
      return { paths, up };
    } catch (error) {
      await up?.services.stop();
      await removeRunFile(paths.daemon, self());
      throw error;
    }
  });
}

function whereKeyIs(run: Run, { secrets: { apiKeyFile } }: Up): string {
  if (apiKeyFile === undefined) return "the admin's key is the one of before";
  // One that we made is kept up to date by the server; one that was given is not ours to change.
  const reset = run.input.secrets.apiKeyFile === undefined ? '' : ', unless it was reset since,';
  return `the admin's key${reset} in ${apiKeyFile}`;
}

async function refuseSecond({ paths, clock }: Run): Promise<void> {
  const other = await servingDaemon(paths, clock);
  if (!other || other.pid === process.pid) return;
  throw new DmError('locked', 'DAEMON_RUNNING', `A daemon (pid ${other.pid}) serves this pool already.`, {
    hint: 'Without --daemon, a dot is provided through it; "dm-linuxkit stop" ends it.',
    data: { pid: other.pid },
  });
}

/** The dot of this run and every mount that was recorded, each after what it lies in. */
async function provideAll(run: Run, report: Report): Promise<string | undefined> {
  const target = run.options.target?.mountpoint;
  // The dot of this run may take the place of one that was recorded there.
  const before = (await recordedMounts(run)).filter(mount => mount.Mountpoint !== target);
  const outer = before.filter(mount => target !== undefined && liesBelow(target, mount.Mountpoint));
  report.mounts(await restoreMounts(outer, run));
  const outcome = await provideDot(run);
  report.mounts(await mountedStatus(run));
  report.mounts(
    await restoreMounts(
      before.filter(mount => !outer.includes(mount)),
      run,
    ),
  );
  return outcome;
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
    await writeRunFile(paths.daemon, runFile('stopping', listen));
  } finally {
    await services.stop();
  }
  await removeRunFile(paths.daemon, self());
}

function runFile(state: RunFile['state'], listen: string): Omit<RunFile, 'boot'> {
  return { role: 'daemon', state, listen, ...self() };
}

function self(): ProcessId {
  const { pid } = process;
  return { pid, startTime: processIdentity(pid)?.startTime ?? 0 };
}

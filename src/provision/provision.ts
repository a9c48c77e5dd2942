/**
 * dm-linuxkit's main job, in numbered steps (each in a file of its own):
 *
 *   0 guard         the mountpoint is closed to writers until the dot is mounted
 *     userdata      the raw user-data is looked at for secrets
 *     input         files that flags name are read; a seed, a bad mountpoint, a missing root are refused
 *     pool-lock     one dm-linuxkit at a time on a pool
 *   1 pool          kept, else imported, else created
 *   2 state-dataset etcd's data, the server's state, secrets
 *   3 etcd-service  4 server-service
 *   5 dot           kept, else created
 *   6 expose        its directory appears at the mountpoint
 *   7 one-shot      server and etcd are stopped, the mount stays      8 daemon.ts stays and supervises
 */

import { DmError } from '../lib/errors.ts';
import { until, within } from '../lib/retry.ts';
import { dotDataset } from '../model/layout.ts';
import { type DotAddress, formatDotAddress, printable } from '../model/names.ts';
import { effectiveUid } from '../system/host.ts';
import { processIdentity } from '../system/processes.ts';
import { withAftermath } from './aftermath.ts';
import { bringUp, ensurePoolOf, type Run } from './bring-up.ts';
import {
  abortable,
  againstTheClock,
  type Clock,
  type Context,
  type ServerClient,
  withClient,
} from './context.ts';
import { ensureDot, filesystemOf } from './dot.ts';
import { exposeDot } from './expose.ts';
import { closeMountpoint } from './guard.ts';
import { readInput } from './input.ts';
import { checkMountpoint, findAt, mountVerdict } from './mountpoint.ts';
import type { ProvisionOptions, Target } from './options.ts';
import { unseenOutside } from './outside.ts';
import { servingDaemon, withPoolLock } from './pool-lock.ts';
import type { Report } from './report.ts';
import { type RunFile, runPaths } from './run-files.ts';
import { answersPing } from './server-service.ts';
import { probeStateDirectory } from './state-dataset.ts';
import type { MountStatus } from './status.ts';
import { tendUserdata } from './userdata.ts';

/** It may wait for another run's mounts. */
const GUARD_MS = 120_000;

/**
 * Provides the dot and leaves: the mount stays, nothing else runs. While a daemon serves the pool, its
 * server does the work.
 *
 * @throws DmError of every kind; the hint says how the machine is left
 */
export async function provisionOnce(
  options: ProvisionOptions,
  context: Context,
  report?: Report,
): Promise<void> {
  await asRun(options, context, async run => {
    report?.named(run.input.address);
    const { paths, clock } = run;
    const outcome = await withPoolLock(paths, context, clock, async () => {
      // A "stop" that held the lock may have seen nobody who wants it closed, in another pid namespace.
      await guardTarget(options);
      const daemon = await servingDaemon(paths, clock);
      if (daemon) return provideThrough(daemon, run);
      const { services } = await bringUp(run);
      try {
        return await provideDot(run);
      } finally {
        await services.stop();
      }
    });
    report?.mounts(await mountedStatus(run));
    context.tell(`Ready: ${outcome ?? 'the pool is there'}.`);
  });
}

/** What a run that provided its dot has mounted; warns when nobody outside can see it. */
export async function mountedStatus({ options, input, context }: Run): Promise<MountStatus[]> {
  if (!options.target || !input.address) return [];
  const { mountpoint } = options.target;
  const message = await unseenOutside(mountpoint);
  if (message !== '') context.log.warn(message);
  return [{ mountpoint, dot: formatDotAddress(input.address), state: 'mounted', message }];
}

/** Step 0, then `work` against the clock; errors say how the machine is left. */
export async function asRun<T>(
  options: ProvisionOptions,
  context: Context,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  let run: Run | undefined;
  let closed: string | undefined;
  try {
    return await againstTheClock(context, options.timeoutMs, async clock => {
      // The very first: whatever fails from here on, no program finds an empty directory. Within a time of its own,
      // since the mountpoint may lie in a dot whose files hang.
      const isClosed = await abortable(within(guardTarget(options), GUARD_MS), clock.signal);
      if (isClosed) closed = options.target?.mountpoint;
      await abortable(probeStateDirectory(options.poolName, context.adapters), clock.signal);
      if (isClosed === undefined) throw guardHangs(options);
      run = await abortable(begin(options, context, clock), clock.signal);
      return work(run);
    });
  } catch (error) {
    const { progress = 'looking', begun = [] } = run ?? {};
    throw withAftermath(error, { progress, begun, pool: options.poolName, closed });
  }
}

/** @throws DmError MOUNTPOINT_OPEN */
export async function guardTarget({ target, ...run }: ProvisionOptions): Promise<boolean> {
  return target !== undefined && effectiveUid() === 0 && guardMountpoint(target.mountpoint, run);
}

/**
 * A boot step holds what it closed as long as it runs, since it may wait for a long time and without the pool's lock;
 * and so does a daemon that tries to start again. Any other does not: `stop` ends it, and opens everything.
 *
 * @throws DmError MOUNTPOINT_OPEN
 */
export function guardMountpoint(
  mountpoint: string,
  { poolName, mode, onFailure }: Pick<ProvisionOptions, 'poolName' | 'mode' | 'onFailure'>,
): Promise<boolean> {
  const holder = mode === 'oneshot' || onFailure === 'wait' ? processIdentity(process.pid) : undefined;
  return closeMountpoint(mountpoint, runPaths(poolName), holder);
}

function guardHangs({ target }: ProvisionOptions): DmError {
  const text = `${printable(target?.mountpoint ?? '')} could not be closed to writers within ${GUARD_MS / 1000} s.`;
  return new DmError('timeout', 'MOUNTPOINT_OPEN', text, {
    hint: 'The filesystem that it lies on does not answer, or another run is at its mounts.',
  });
}

async function begin(options: ProvisionOptions, context: Context, clock: Clock): Promise<Run> {
  // Before a seed or a secret can be refused.
  if (effectiveUid() === 0) await tendUserdata(options, context.log);
  const input = await readInput(options, context.log);
  if (options.target && input.address) {
    const wanted = { pool: options.poolName, subdot: input.address.subdot };
    await checkMountpoint(options.target.mountpoint, wanted);
  }
  const paths = runPaths(options.poolName);
  return { options, input, paths, context, clock, progress: 'looking', begun: new Set() };
}

/**
 * Steps 5 and 6 through the server of this run; undefined when no dot was asked for.
 *
 * @returns what is mounted where, for the last line
 */
export async function provideDot(run: Run): Promise<string | undefined> {
  const { options, input, paths, context } = run;
  if (!options.target || !input.address) return undefined;
  const { target } = options;
  const { address } = input;
  return withClient(context, paths.serverSocket, run.clock, client => provide(target, address, run, client));
}

async function provide(
  target: Target,
  address: DotAddress,
  { options, context, clock }: Run,
  client: Pick<ServerClient, 'call'>,
): Promise<string> {
  const dot = formatDotAddress(address);
  // Before it is created: another dot at this mountpoint keeps its place, and its record.
  const dataset = dotDataset(options.poolName, await filesystemOf(client, address));
  const wanted = { pool: options.poolName, dataset, subdot: address.subdot };
  mountVerdict(target.mountpoint, await findAt(target.mountpoint), wanted);
  context.tell(`The dot ${dot}: ${await ensureDot(client, address)}.`);
  clock.signal.throwIfAborted();
  const mount = await exposeDot(options.poolName, target, address, client, context.adapters);
  context.log.debug({ mountpoint: target.mountpoint, mount }, 'exposed');
  return `${dot} is mounted at ${target.mountpoint}`;
}

/** The longest pause before a restart and the start itself. */
const SERVER_BACK_WITHIN_MS = 120_000;

/** Flags that were given, and are for a server that is to be started. Pure. */
export function flagsOfServer({ listen, files }: Pick<ProvisionOptions, 'listen' | 'files'>): string[] {
  return [
    listen === undefined ? [] : '--listen',
    files.adminApiKey === undefined ? [] : '--admin-api-key-file',
    files.adminPassword === undefined ? [] : '--admin-password-file',
  ].flat();
}

/** A one-shot beside a daemon: the pool is looked at, the daemon's server does the rest. */
async function provideThrough(daemon: RunFile, run: Run): Promise<string | undefined> {
  const { context, clock, paths } = run;
  context.tell(`A daemon (pid ${daemon.pid}) serves this pool: using it.`);
  const idle = flagsOfServer(run.options);
  if (idle.length > 0)
    context.log.warn(`its server goes on as it was started: ${idle.join(', ')} changes nothing`);
  await ensurePoolOf(run);
  run.progress = 'served';
  // It may be restarting its server just now.
  const answered = await withClient(context, paths.serverSocket, clock, client =>
    until(() => answersPing(client), { deadlineMs: SERVER_BACK_WITHIN_MS, signal: clock.signal }),
  );
  if (answered) return provideDot(run);
  const text = `The server of the daemon (pid ${daemon.pid}) does not answer.`;
  throw new DmError('services', 'SERVER_SILENT', text, { hint: 'Its log says why.' });
}

/** The one-shot as a step of a boot: provides the dot, tells how it went, and does what `--on-failure` says. */

import { asDmError, type DmError } from '../lib/errors.ts';
import { effectiveUid } from '../system/host.ts';
import { powerOff } from '../system/power.ts';
import { withAftermath } from './aftermath.ts';
import type { Context } from './context.ts';
import { whileBeating } from './heartbeat.ts';
import { insist, type Persistence } from './on-failure.ts';
import type { ProvisionOptions } from './options.ts';
import { guardMountpoint, provisionOnce } from './provision.ts';
import { createReport, isAnothers } from './report.ts';
import type { Salvaged } from './salvage.ts';

/** @throws what provisionOnce throws, in the end; services/TRY_HANGS */
export async function runBootStep(options: ProvisionOptions, context: Context): Promise<void> {
  // Whoever is not root is refused, and has no place to write to.
  const report = effectiveUid() === 0 ? await createReport(options, context.log) : undefined;
  const attempt = async () => {
    await report?.state('provisioning');
    await provisionOnce(options, context, report);
    await report?.state('ready');
  };
  const failed = async (error: DmError) => report?.failed(error);
  const how = persistence(options, failed, context);
  await whileBeating(options.poolName, context.log, () => insist(attempt, how, context));
}

/**
 * A command line that can not be followed, as a failed step of a boot: closes the mountpoints that it names, tells, and
 * does what its `--on-failure` says. Of a daemon nothing but the boot's mountpoints is at stake.
 *
 * @throws the fault, in the end
 */
export async function refuseCommandLine(fault: unknown, read: Salvaged, context: Context): Promise<never> {
  const [mountpoint] = read.mountpoints;
  const target =
    mountpoint === undefined ? undefined : { dot: { text: read.dot }, mountpoint, owner: '', mode: '' };
  const tells = effectiveUid() === 0 && !(await isAnothers(read));
  const report = tells ? await createReport({ ...read, target }, context.log) : undefined;
  const attempt = async (): Promise<never> => {
    const closed = await closeAll(read, context);
    throw withAftermath(fault, { progress: 'looking', pool: read.poolName, closed });
  };
  const failed = async (error: DmError) => report?.failed(error);
  const how = persistence({ ...read, timeoutMs: 0 }, failed, context);
  return whileBeating(read.poolName, context.log, () => insist(attempt, how, context));
}

/** @returns the first that is closed now */
async function closeAll(
  { mountpoints, poolName, mode, onFailure }: Salvaged,
  { log }: Context,
): Promise<string | undefined> {
  if (effectiveUid() !== 0) return undefined;
  let first: string | undefined;
  for (const mountpoint of mountpoints) {
    try {
      if (await guardMountpoint(mountpoint, { poolName, mode, onFailure })) first ??= mountpoint;
    } catch (error) {
      log.error(asDmError(error).message);
    }
  }
  return first;
}

/** @param failed tells each failure */
export function persistence(
  options: Pick<ProvisionOptions, 'mode' | 'onFailure' | 'onFailureTimeoutMs' | 'timeoutMs'>,
  failed: Persistence['failed'],
  context: Context,
): Persistence {
  return {
    onFailure: options.onFailure,
    holdsBoot: options.mode === 'oneshot',
    holdMs: options.onFailureTimeoutMs,
    timeoutMs: options.timeoutMs,
    failed,
    async powerOff() {
      const fault = await powerOff();
      if (fault !== '') context.log.error(`the machine can not be switched off: ${fault}`);
      return fault === '';
    },
  };
}

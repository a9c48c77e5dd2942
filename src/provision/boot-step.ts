/** The one-shot as a step of a boot: provides the dot, tells how it went, and does what `--on-failure` says. */

import { effectiveUid } from '../system/host.ts';
import { powerOff } from '../system/power.ts';
import type { Context } from './context.ts';
import { insist } from './on-failure.ts';
import type { ProvisionOptions } from './options.ts';
import { provisionOnce } from './provision.ts';
import { createReport } from './report.ts';

/** @throws what provisionOnce throws, in the end; services/TRY_HANGS */
export async function runBootStep(options: ProvisionOptions, context: Context): Promise<void> {
  // Whoever is not root is refused, and has no place to write to.
  const report = effectiveUid() === 0 ? await createReport(options, context.log) : undefined;
  const attempt = async () => {
    await report?.state('provisioning');
    await provisionOnce(options, context, report);
    await report?.state('ready');
  };
  await insist(
    attempt,
    {
      onFailure: options.onFailure,
      holdMs: options.onFailureTimeoutMs,
      timeoutMs: options.timeoutMs,
      failed: async error => report?.failed(error),
      async powerOff() {
        const fault = await powerOff();
        if (fault !== '') context.log.error(`the machine can not be switched off: ${fault}`);
      },
    },
    context,
  );
}

/** Switching the machine off at once: nothing that runs is asked, nothing is unmounted. */

import { readlink, writeFile } from 'node:fs/promises';
import { until } from '../lib/retry.ts';
import { run } from './run.ts';

const SYNC_MS = 20_000;
const POWEROFF_MS = 20_000;
/** The kernel switches off a moment after it was asked to. */
const SYSRQ_MS = 30_000;
/** Of the first pid namespace: PROC_PID_INIT_INO in the kernel's proc_ns.h. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

export interface Power {
  sysrqTrigger: string;
  pidNamespace: string;
  /** Milliseconds that the kernel gets, once asked. */
  settleMs: number;
}

const HERE: Power = {
  sysrqTrigger: '/proc/sysrq-trigger',
  pidNamespace: '/proc/self/ns/pid',
  settleMs: SYSRQ_MS,
};

/**
 * What is on its way to the disks is written first, as far as they answer. `poweroff -f` from PATH; without it, when
 * it fails, or in a container with its own pid namespace, where reboot(2) ends the container only
 * (pid_namespaces(7)), the kernel's own key `o` (sysrq).
 *
 * @returns '' when the kernel or poweroff(8) was told; else why not
 */
export async function powerOff(power: Power = HERE): Promise<string> {
  // A disk that hangs is a likely reason for being here.
  await run(['sync'], { timeoutMs: SYNC_MS }).catch(() => undefined);
  let fault = 'this is a container with its own pid namespace';
  if (await isFirstPidNamespace(power)) {
    try {
      await run(['poweroff', '-f'], { timeoutMs: POWEROFF_MS });
      return '';
    } catch (error) {
      fault = reason(error);
    }
  }
  try {
    await writeFile(power.sysrqTrigger, 'o');
  } catch (error) {
    return `${fault}; ${reason(error)}`;
  }
  // Who ended now would let the boot go on for that moment.
  await until(() => false, { deadlineMs: power.settleMs });
  return '';
}

async function isFirstPidNamespace({ pidNamespace }: Power): Promise<boolean> {
  return (await readlink(pidNamespace).catch(() => '')) === FIRST_PID_NAMESPACE;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

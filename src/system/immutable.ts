/**
 * The immutable attribute of a directory: nobody, root included, makes or removes anything in it, and it does not
 * hinder mounting over it. FS_IOC_SETFLAGS (ioctl_iflags(2)) through chattr(1) and lsattr(1), since Node has no
 * ioctl. Needs CAP_LINUX_IMMUTABLE; tmpfs has it since Linux 6.6.
 */

import { isDmError } from '../lib/errors.ts';
import { run } from './run.ts';

const ATTRIBUTE_MS = 10_000;

/** Whether it is set; false where it can not be asked for: not there, no such attribute, no lsattr. */
export async function isImmutable(directory: string): Promise<boolean> {
  try {
    const { stdout } = await run(['lsattr', '-d', directory], { timeoutMs: ATTRIBUTE_MS });
    return hasImmutable(stdout);
  } catch (error) {
    if (isUnable(error)) return false;
    throw error;
  }
}

/**
 * Sets it or takes it away, and looks whether that is so then: some filesystems say yes and do nothing.
 *
 * @returns whether it is now as asked; false without the capability, on a filesystem without it, without chattr
 * @throws DmError timeout/COMMAND_TIMED_OUT
 */
export async function setImmutable(directory: string, on: boolean): Promise<boolean> {
  try {
    await run(['chattr', on ? '+i' : '-i', directory], { timeoutMs: ATTRIBUTE_MS });
  } catch (error) {
    if (isUnable(error)) return false;
    throw error;
  }
  return (await isImmutable(directory)) === on;
}

/** From the output of `lsattr -d`: a word of letters and dashes, then the path. Pure. */
export function hasImmutable(output: string): boolean {
  return /^[A-Za-z-]*i[A-Za-z-]*\s/.test(output);
}

function isUnable(error: unknown): boolean {
  return isDmError(error, 'COMMAND_FAILED') || isDmError(error, 'COMMAND_MISSING');
}

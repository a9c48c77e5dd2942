/**
 * Whether what is mounted here is seen by the machine. A container has a mount namespace of its own: where the place
 * is not shared with the machine's (mount_namespaces(7)), a mount succeeds and nobody else ever sees it.
 */

import { readlink } from 'node:fs/promises';
import { FIRST_PID_NAMESPACE, MACHINE_PROCESSES } from './host.ts';
import { type Mount, mountsAt, mountTable } from './mount-table.ts';

export interface View {
  /** The mount table of the machine; `same` when it is ours, undefined when it can not be read. */
  machine: readonly Mount[] | 'same' | undefined;
  /** Whether the processes of the machine are seen (`pid: host`, or no container). */
  seesProcesses: boolean;
}

/**
 * Pure. What a mount has spread to is in its peer group; one that was there before is at the same place. Without sight
 * of the machine's processes only that is told which can never spread: a mount that is shared with nobody.
 */
export function isHidden(mount: Mount, { machine, seesProcesses }: View): boolean {
  const { device, root, mountpoint, peerGroup } = mount;
  if (!seesProcesses) return peerGroup === undefined;
  if (machine === 'same' || machine === undefined) return false;
  return !machine.some(
    other =>
      other.device === device &&
      other.root === root &&
      (other.mountpoint === mountpoint || (peerGroup !== undefined && other.peerGroup === peerGroup)),
  );
}

/** The same of what is mounted at `mountpoint`; false when nothing is. Touches no filesystem that is mounted there. */
export async function isHiddenAt(mountpoint: string): Promise<boolean> {
  const mount = (await mountsAt(mountpoint)).at(-1);
  return mount !== undefined && isHidden(mount, await view());
}

async function view(): Promise<View> {
  const [pids, own] = await Promise.all(['pid', 'mnt'].map(name => namespace('self', name)));
  if (pids !== undefined && pids !== FIRST_PID_NAMESPACE) return { machine: undefined, seesProcesses: false };
  for (const pid of MACHINE_PROCESSES) {
    const theirs = await namespace(pid, 'mnt');
    if (theirs === undefined) continue;
    if (theirs === own) return { machine: 'same', seesProcesses: true };
    return { machine: await mountTable(Number(pid)).catch(() => undefined), seesProcesses: true };
  }
  return { machine: undefined, seesProcesses: true };
}

const namespace = (pid: string, name: string): Promise<string | undefined> =>
  readlink(`/proc/${pid}/ns/${name}`).catch(() => undefined);

/** The machine we are on, as ZFS and people name it. */

import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { readIfThere } from './files.ts';
import { run } from './run.ts';

/** Inode of the kernel's first pid namespace (PROC_PID_INIT_INO in include/linux/proc_ns.h): in it runs no container. */
export const FIRST_PID_NAMESPACE = 'pid:[4026531836]';
/** In the first pid namespace: init, and kthreadd, which a hardened machine lets be read where init is not. */
export const MACHINE_PROCESSES = ['1', '2'];
const CONTAINER_FILES = ['/.dockerenv', '/run/.containerenv'];

export function hostName(): string {
  return hostname();
}

/**
 * The host id that ZFS writes into labels, as hostid(1) prints it: 8 hexadecimal digits. Asked in the order of
 * OpenZFS (spl(4) `spl_hostid`, then /etc/hostid); hostid(1) last, which is what zfs-fuse uses.
 */
export async function hostId(): Promise<string> {
  const parameter = Number((await readIfThere('/sys/module/spl/parameters/spl_hostid')) ?? 0);
  if (parameter > 0) return parameter.toString(16).padStart(8, '0');
  const bytes = await readFile('/etc/hostid').catch(() => undefined);
  if (bytes?.length === 4) return bytes.readUInt32LE().toString(16).padStart(8, '0');
  return (await run(['hostid'], { timeoutMs: 10_000 })).stdout.trim();
}

/**
 * Whether we run in a container: what we start would end with it, and what we mount might be seen only there.
 * The namespaces tell it: a pid namespace that is not the kernel's first, or a mount namespace that is not the
 * machine's (a container with `pid: host`). Only root may read the latter; for others the traces that container
 * engines leave have to do. They are no proof beside the namespaces: a machine whose disk was made from a
 * container image has a /.dockerenv as well.
 */
export async function inContainer(): Promise<boolean> {
  const pids = await readlink('/proc/self/ns/pid').catch(() => undefined);
  if (pids !== undefined && pids !== FIRST_PID_NAMESPACE) return true;
  const [ours, ...machine] = await Promise.all(
    ['self', ...MACHINE_PROCESSES].map(pid => readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined)),
  );
  const first = machine.find(each => each !== undefined);
  if (ours !== undefined && first !== undefined) return ours !== first;
  return hasTracesOfContainer();
}

async function hasTracesOfContainer(): Promise<boolean> {
  if (process.env['container']) return true; // systemd's container interface
  for (const file of CONTAINER_FILES)
    if ((await readIfThere(file).catch(() => '')) !== undefined) return true;
  return /docker|kubepods|containerd|libpod|\blxc\b/.test((await readIfThere('/proc/1/cgroup')) ?? '');
}

export function effectiveUid(): number {
  return process.geteuid?.() ?? -1;
}

import type { Bundle } from './bundles.mjs';

export interface MachineOptions {
  /** A folder of the host for sockets and the initrd of this boot; its path may have 60 characters at most. */
  folder: string;
  kit: string;
  /** The disk of the root filesystem (root.mjs): /dev/vda, read-only. */
  disk: string;
  /** What LinuxKit would have below /containers (bundles.mjs). */
  containers: Bundle[];
  /** Raw image files: /dev/sda, /dev/sdb, … They keep what was written through a power cut. */
  disks?: string[];
  /** Two machines with one disk: without QEMU's own locks on it. */
  sharedDisks?: boolean;
  /** On a CD, as `linuxkit run qemu --data` does it: /dev/sr0. */
  userdata?: string;
  /** Eight hexadecimal digits. Without it there is none, as on LinuxKit. */
  hostid?: string;
  /** The port of 127.0.0.1 that leads to port 32607 of the machine; a free one when it is not given. */
  port?: number;
  mem?: number;
  deadlineMs?: number;
  onConsole?: (chunk: string) => void;
}
export interface MachineEnd {
  console: string;
  /** Whether the deadline has ended it. */
  late: boolean;
}
export interface Answer {
  status: number;
  /** stdout and stderr. */
  text: string;
}
export interface Machine {
  pid: number;
  /** What it has said so far. */
  console(): string;
  /** A shell script, run by root outside of all containers. Rejects when the machine ends before it has answered. */
  run(script: string): Promise<Answer>;
  /** A command for QEMU itself, such as `device_add`. */
  qmp(command: string, args?: object): Promise<unknown>;
  /** See `port` above. */
  port(): Promise<number>;
  /** SIGKILL: a power cut. What reached a disk's image file stays. */
  kill(): void;
  done: Promise<MachineEnd>;
}
export function boot(options: MachineOptions): Machine;

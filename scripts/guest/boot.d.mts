export interface GuestOptions {
  /** A folder of the host that the guest writes as well, under the same path. No UNIX sockets in it. */
  share: string;
  /** A bash script, run as root in the caller's working directory, with TMPDIR=/run/test (memory). */
  command: string;
  env?: Record<string, string>;
  /** Image files: /dev/ubda, /dev/ubdb, … They keep what was written through a power cut. */
  disks?: string[];
  /** The CPU the guest is pinned to; one guest per CPU. */
  cpu?: number;
  mem?: string;
  deadlineMs?: number;
  /** Eight hexadecimal digits; each boot is another machine when it is not given. */
  hostid?: string;
  onConsole?: (chunk: string) => void;
}
export interface GuestEnd {
  /** The command's; 255 when the guest ended before it, 124 when the deadline did. */
  status: number;
  console: string;
  late: boolean;
}
export interface Guest {
  pid: number;
  /** SIGKILL to all of the guest: a power cut. What reached a disk's image file stays. */
  kill(): void;
  done: Promise<GuestEnd>;
}
export function boot(options: GuestOptions): Guest;

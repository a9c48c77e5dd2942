/** Who listens on a TCP port of this machine, for a refusal that helps: read from /proc, as far as we may. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const LISTENING = '0A';

/** `etcd (process 123)`, or undefined when it cannot be seen. */
export function portOwner(port: number): string | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap(table => listeners(quietly(`/proc/net/${table}`), port)));
  if (inodes.size === 0) return undefined;
  const pid = namesIn('/proc').find(name => /^\d+$/.test(name) && holds(name, inodes));
  return pid === undefined ? undefined : `${programOf(pid)} (process ${pid})`;
}

/** Its name: of a script that Node runs, the script's. No other argument is shown, it may be a secret. */
function programOf(pid: string): string {
  const [program = '', script = ''] = quietly(`/proc/${pid}/cmdline`).split('\0');
  const isScript = /^node/.test(basename(program)) && script.startsWith('/');
  return basename(isScript ? script : program);
}

/** Inodes of the sockets that listen on `port`, from the text of /proc/net/tcp (proc(5)). */
export function listeners(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table.split('\n').map(line => line.trim().split(/\s+/));
  return rows
    .filter(([, local = '', , state]) => local.endsWith(suffix) && state === LISTENING)
    .map(row => row[9] ?? '');
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  return namesIn(`/proc/${pid}/fd`).some(fd => {
    try {
      return inodes.has(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '');
    } catch {
      return false;
    }
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Text of a file of /proc; '' when its process has gone or is not ours to see. */
function quietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

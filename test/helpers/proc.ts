/** What runs and listens on this machine, as /proc tells it. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const LOOK_EVERY_MS = 50;
const PROGRAMS = ['dm-linuxkit', 'dotmesh-server', 'etcd', 'flock'];

/** Command lines of all processes, arguments separated by NUL. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => read(`/proc/${pid}/cmdline`));
}

/** Programs of ours that run: by the name of the program, or of the script that Node runs. */
export function oursRunning(): string[] {
  return commandLines()
    .flatMap(line => line.split('\0').slice(0, 2))
    .map(word => basename(word))
    .filter(name => PROGRAMS.includes(name));
}

/** Collects the command lines of all processes; call the result to end that and to get them. */
export function watchCommandLines(): () => string[] {
  const seen = new Set<string>();
  const look = () => {
    for (const line of commandLines()) seen.add(line.replaceAll('\0', ' '));
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    return [...seen];
  };
}

/** Everything that listens on a TCP port of this machine: `ADDRESS:PORT` in the kernel's hexadecimal (proc(5)). */
export function tcpListeners(): string[] {
  return ['tcp', 'tcp6'].flatMap(table =>
    read(`/proc/net/${table}`)
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .filter(row => row[3] === '0A')
      .map(row => row[1] ?? ''),
  );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // It ended meanwhile, or there is no such table.
  }
}

/** What runs and listens on this machine, as /proc tells it. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { portOwner } from '../../src/server/port-owner.ts';

const LOOK_EVERY_MS = 50;
/** A socket's state in /proc/net/tcp: proc(5). */
const LISTENING = '0A';
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

/** Our programs that listen on a TCP port of this machine: `ADDRESS:PORT` in the kernel's hexadecimal, and the program. */
export function tcpListeners(): string[] {
  const rows = ['tcp', 'tcp6'].flatMap(table => read(`/proc/net/${table}`).split('\n'));
  return rows
    .map(row => row.trim().split(/\s+/))
    .filter(([, , , state]) => state === LISTENING)
    .map(([, address = '']) => `${address} ${portOwner(Number.parseInt(address.split(':')[1] ?? '', 16))}`)
    .map(line => line.replace(/ \(process \d+\)$/, ''))
    .filter(line => PROGRAMS.includes(line.split(' ')[1] ?? ''));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // It ended meanwhile, or there is no such table.
  }
}

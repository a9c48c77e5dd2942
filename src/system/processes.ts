/** Processes by identity: a pid is used again, a pid with its start time is not. Source: proc(5). */

import { readFileSync } from 'node:fs';
import { errno } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';

export { type User, usersOf, usersOfEach } from './users.ts';

export interface ProcessId {
  pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  startTime: number;
}

export interface ProcessIdentity extends ProcessId {
  /** The kernel's name of the program, at most 15 characters. */
  command: string;
}

/** SIGKILL is not instant for a process that writes a large core or has much memory to give back. */
const KILLED_WITHIN_MS = 10_000;

interface Stat extends ProcessIdentity {
  state: string;
  parent: number;
}

/**
 * Reads /proc/PID/stat. The command stands in parentheses and may hold spaces and parentheses itself, so the
 * fields are counted from the last closing one.
 */
export function parseStat(text: string): Stat | undefined {
  const match = /^(\d+) \((.*)\) (\S) (.*)$/s.exec(text.trim());
  const fields = match?.[4]?.split(' ') ?? []; // From field 4 on.
  const startTime = fields[18];
  if (!match || startTime === undefined) return undefined;
  const [, pid, command = '', state = ''] = match;
  return { pid: Number(pid), command, state, parent: Number(fields[0]), startTime: Number(startTime) };
}

/** Who has this pid now; undefined when nobody has. A zombie still has it. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid: stat.pid, startTime: stat.startTime, command: stat.command };
}

/** Who started it, or who adopted it since; undefined when nobody has this pid. */
export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}

/** Whether that very process still runs. A zombie does not. */
export function isAlive({ pid, startTime }: ProcessId): boolean {
  const stat = readStat(pid);
  return stat?.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * SIGTERM, after `graceMs` SIGKILL, and waits until it is gone. Resolves to whether it is: false when it hangs
 * in the kernel. Signals only that very process, never another one that came to its pid.
 */
export async function endProcess(id: ProcessId, { graceMs }: { graceMs: number }): Promise<boolean> {
  const gone = () => !isAlive(id);
  if (gone()) return true;
  signal(id, 'SIGTERM');
  if (await until(gone, { deadlineMs: graceMs })) return true;
  signal(id, 'SIGKILL');
  return (await until(gone, { deadlineMs: KILLED_WITHIN_MS })) ?? false;
}

/** Signals only that very process; that it has gone, or goes just now, is no error. */
export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch (error) {
    if (errno(error) !== 'ESRCH') throw error;
  }
}

function readStat(pid: number): Stat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ESRCH') return undefined;
    throw error;
  }
}

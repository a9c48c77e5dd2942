/** Killing a dm-linuxkit, or the etcd or server that descend from it: found in /proc, never by name alone. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../src/lib/retry.ts';
import { isAlive, type ProcessIdentity, processIdentity } from '../../src/system/processes.ts';
import { PATIENCE_MS, type Running } from './boot.ts';

export const ROLES = ['dm-linuxkit', 'etcd', 'server'] as const;
export type Role = (typeof ROLES)[number];

/** From and to, in milliseconds after the start of dm-linuxkit. */
export type Life = readonly [number, number];

const LOOK_EVERY_MS = 5;

/** The process of that role in this run, when it is there now. */
export function victimOf({ child }: Running, role: Role): ProcessIdentity | undefined {
  const root = child.pid ?? 0;
  if (role === 'dm-linuxkit') return alive(root);
  const found = descendants(root).find(pid => roleOf(pid) === role);
  return found === undefined ? undefined : alive(found);
}

/** Resolves, when the run has ended, to when each role was there. */
export async function watchLives(running: Running): Promise<Record<Role, Life>> {
  const started = performance.now();
  const seen = new Map<Role, [number, number]>();
  const look = () => {
    const now = performance.now() - started;
    for (const role of ROLES) {
      if (victimOf(running, role)) seen.set(role, [seen.get(role)?.[0] ?? now, now]);
    }
    return running.child.exitCode !== null || running.child.signalCode !== null;
  };
  await until(look, { deadlineMs: PATIENCE_MS, everyMs: LOOK_EVERY_MS });
  const life = (role: Role): Life => {
    const span = seen.get(role);
    if (!span) throw new Error(`a run without ${role}:\n${running.text()}`);
    return span;
  };
  return { 'dm-linuxkit': [0, life('dm-linuxkit')[1]], etcd: life('etcd'), server: life('server') };
}

/** Kills the role `afterMs` after it appeared; resolves to whether it was there until then. */
export async function killAt(running: Running, role: Role, afterMs: number): Promise<boolean> {
  const over = () => running.child.exitCode !== null || running.child.signalCode !== null;
  const appeared = await until(() => over() || victimOf(running, role), {
    deadlineMs: PATIENCE_MS,
    everyMs: LOOK_EVERY_MS,
  });
  if (!appeared) throw new Error(`${role} does not appear:\n${running.text()}`);
  await Promise.race([delay(afterMs), running.ended]);
  const victim = victimOf(running, role);
  if (!victim) return false;
  // Our own child is still ours when it has ended, so its pid can not be anyone else's.
  if (role === 'dm-linuxkit') {
    running.child.kill('SIGKILL');
    return (await running.ended).code === null;
  }
  try {
    process.kill(victim.pid, 'SIGKILL');
    return true;
  } catch {
    return false; // It ended between the two lines.
  }
}

function alive(pid: number): ProcessIdentity | undefined {
  const identity = processIdentity(pid);
  return identity && isAlive(identity) ? identity : undefined;
}

function roleOf(pid: number): Role | undefined {
  const [program = '', script = ''] = read(`/proc/${pid}/cmdline`).split('\0');
  // `etcd --version` is asked before the real one is started.
  if (basename(program) === 'etcd') return script === '--version' ? undefined : 'etcd';
  return basename(script) === 'dotmesh-server' ? 'server' : undefined;
}

/** All processes below `root`, nearest first. */
function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // proc(5): "pid (comm) state ppid"; the comm may hold anything, so what follows its last parenthesis counts.
    const parent = Number(read(`/proc/${name}/stat`).replace(/^.*\)/s, '').trim().split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  for (let level = [root]; level.length > 0; ) {
    level = level.flatMap(pid => children.get(pid) ?? []);
    found.push(...level);
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // It ended meanwhile.
  }
}

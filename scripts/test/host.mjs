// Runs ava on this machine and judges what came of it. Each run is a process group of its own, so that a deadline or
// Ctrl-C takes the tests' children along.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { nodeBin, root } from '../lib/paths.mjs';
import { readTap } from './tap.mjs';

export const avaArguments = [join(root, 'node_modules/ava/entrypoints/cli.mjs'), '--tap'];
const groups = new Set();

export function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    /* ended already */
  }
}

export function killAllGroups() {
  for (const pid of groups) killGroup(pid);
}

/** `watch` gets a function that ends the run and says why; it returns how to stop watching. */
export function runAva({ files, args = [], env, deadlineMs, watch }) {
  return new Promise(resolve => {
    const started = Date.now();
    const child = spawn(nodeBin, [...avaArguments, ...args, ...files], {
      cwd: root,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    groups.add(child.pid);
    let tap = '';
    let rest = '';
    let ended;
    child.stdout.setEncoding('utf8').on('data', chunk => {
      tap += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', chunk => {
      rest += chunk;
    });
    const end = why => {
      ended ??= why;
      killGroup(child.pid);
      finish();
    };
    const timer = setTimeout(() => end(`not done within ${deadlineMs / 1000} s`), deadlineMs);
    const unwatch = watch?.(end);
    let finished = false;
    // 'exit' and not 'close': a child that a test left running may hold the pipe open for ever.
    const finish = () =>
      setTimeout(() => {
        if (finished) return;
        finished = true;
        clearTimeout(timer);
        unwatch?.();
        killGroup(child.pid);
        groups.delete(child.pid);
        resolve(
          judge({ tap, status: child.exitCode, ended, output: rest, seconds: (Date.now() - started) / 1000 }),
        );
      }, 100);
    child.on('exit', finish);
  });
}

/** One verdict for host and guest: a run that ended badly has failed even when no test of it says so. */
export function judge({ tap, status, ended, output, seconds }) {
  const result = readTap(tap);
  const why =
    ended ??
    (result.complete ? undefined : `ended early (status ${status})`) ??
    (status !== 0 && result.failed === 0 ? `ended with status ${status}` : undefined) ??
    (result.passed + result.failed + result.skipped === 0 ? 'holds no test' : undefined);
  const failures = why ? [...result.failures, `✘ ${why}`] : result.failures;
  return {
    ...result,
    failed: result.failed + (why ? 1 : 0),
    failures,
    output,
    seconds,
    ended: Boolean(ended),
  };
}

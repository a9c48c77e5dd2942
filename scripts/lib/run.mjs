// Run a command and wait for it: argv arrays, never a shell. For the scripts only; src/ has its own (execa).
import { spawn, spawnSync } from 'node:child_process';

/** A failure that is explained by its message alone; the scripts print it without a stack. */
export class Failure extends Error {}

/** When a command is given up that says nothing else with `timeout`: the longest, a compilation, takes minutes. 0 is never. */
const DEADLINE_MS = 40 * 60_000;

/** spawnSync, with an end. */
function runSync(argv, options) {
  const { timeout = DEADLINE_MS } = options;
  const result = spawnSync(argv[0], argv.slice(1), { ...options, timeout });
  if (result.error?.code === 'ETIMEDOUT')
    throw new Failure(`\`${argv.join(' ')}\` was not done within ${timeout / 1000} s.`);
  if (result.error) throw new Failure(`${argv[0]}: ${result.error.message}`);
  return result;
}

export const say = text => process.stderr.write(`${text}\n`);

/** What a command printed, or throws a Failure with the end of what it complained. */
export function output(argv, options = {}) {
  const result = runSync(argv, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.status !== 0) {
    const why = `${result.stderr ?? ''}${result.stdout ?? ''}`.trim().split('\n').slice(-15).join('\n');
    throw new Failure(`\`${argv.join(' ')}\` ended with ${result.status ?? result.signal}:\n${why}`);
  }
  return result.stdout ?? '';
}

/** The exit status of a command whose output the reader sees as it comes. */
export function status(argv, options = {}) {
  const result = runSync(argv, { stdio: 'inherit', ...options });
  return result.status ?? 1;
}

/** Asynchronous: what a command printed (stdout and stderr as one), its status, and whether the deadline ended it. */
export function collect(argv, { deadlineMs = 0, echo = false, ...options } = {}) {
  return new Promise(resolve => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let text = '';
    let late = false;
    const take = chunk => {
      text += chunk;
      if (echo) process.stderr.write(chunk);
    };
    child.stdout?.setEncoding('utf8').on('data', take);
    child.stderr?.setEncoding('utf8').on('data', take);
    const timer = deadlineMs
      ? setTimeout(() => {
          late = true;
          child.kill('SIGKILL');
        }, deadlineMs)
      : undefined;
    const end = code => {
      clearTimeout(timer);
      resolve({ status: code, text, late });
    };
    child.on('error', error => {
      text += `${argv[0]}: ${error.message}`;
      end(127);
    });
    child.on('close', code => end(code ?? 137));
  });
}

export const has = command =>
  spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' }).status === 0;

/** Runs a script's main function; says a Failure in plain words, anything else with its stack. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    say(error instanceof Failure ? error.message : (error?.stack ?? String(error)));
    process.exitCode = 1;
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../../../src/lib/retry.ts';
import { isAlive, processIdentity } from '../../../src/system/processes.ts';

const PATIENCE = { deadlineMs: 120_000 };

/** A program with a lock and a running command, leader of a process group of its own like one on a terminal. */
const SCRIPT = `
  import { setTimeout } from 'node:timers/promises';
  import { takeLock } from './src/system/lock.ts';
  import { run } from './src/system/run.ts';
  const [, path] = process.argv;
  process.on('SIGINT', () => console.log('asked'));
  process.on('SIGTERM', () => process.exit(3));
  await takeLock(path, { waitMs: 0 });
  run(['sh', '-c', 'echo $$ >"$0.pid"; exec sleep 600', path]).catch(error => console.log(error.message));
  console.log('ready');
  await setTimeout(120_000);`;

test('a Ctrl-C on the terminal ends neither locks nor commands; the end of the program does', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'run-'));
  const path = join(folder, 'lock');
  const argv = ['--input-type=module', '-e', SCRIPT, path];
  const child = spawn(process.execPath, argv, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', chunk => {
    said += String(chunk);
  });
  try {
    const pid = await until(async () => {
      const text = await readFile(`${path}.pid`, 'utf8').catch(() => '');
      return said.includes('ready') && Number(text);
    }, PATIENCE);
    const command = processIdentity(pid || 0);
    t.truthy(command);
    // The kernel sends it to all of the foreground's group.
    process.kill(-(child.pid ?? 0), 'SIGINT');
    t.truthy(await until(() => said.includes('asked'), PATIENCE));
    const taker = spawn('flock', ['--nonblock', path, 'true']);
    t.deepEqual(await once(taker, 'exit'), [1, null], 'the lock is held');
    t.is(said, 'ready\nasked\n');
    t.true(command && isAlive(command));
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    t.deepEqual(await exited, [3, null]);
    t.truthy(await until(() => command && !isAlive(command), PATIENCE));
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});

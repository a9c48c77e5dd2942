import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { run } from '../../../src/system/run.ts';

/** Runs a line of JavaScript that has `leave`; a file operation on a FIFO without a writer never ends. */
async function end(line: string): Promise<{ exitCode: number; ended: boolean }> {
  const folder = await mkdtemp(join(tmpdir(), 'leave-'));
  try {
    const fifo = join(folder, 'fifo');
    await run(['mkfifo', fifo]);
    const script = `const { leave } = await import('./src/system/leave.ts'); const fs = await import('node:fs/promises'); const fifo = ${JSON.stringify(fifo)}; ${line}`;
    const { exitCode } = await run([process.execPath, '--input-type=module', '-e', script], {
      okCodes: [-1, 0, 3],
      timeoutMs: 120_000,
    });
    return { exitCode, ended: true };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a program ends with its code', async t => {
  t.like(await end('await leave(3)'), { exitCode: 3 });
});

test('a file operation that never ends does not keep a program that leaves', async t => {
  t.like(await end('fs.open(fifo); await leave(3)'), { ended: true });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import test from 'ava';
import { isWritten, patientWriter } from '../../../src/system/standard-streams.ts';

/** Takes nothing until it is let go. */
function slowStream(): { stream: Writable; taken: string[]; go(): void } {
  const taken: string[] = [];
  let waiting: (() => void) | undefined;
  let open = false;
  const stream = new Writable({
    write(chunk, _, done) {
      taken.push(String(chunk));
      if (open) done();
      else waiting = done;
    },
  });
  return {
    stream,
    taken,
    go() {
      open = true;
      waiting?.();
    },
  };
}

test('a reader that stands still costs a bounded part of memory, and reads how much it missed', async t => {
  const { stream, taken, go } = slowStream();
  const write = patientWriter(stream);
  const line = `${'x'.repeat(1023)}\n`;
  for (let n = 0; n < 3000; n++) write(line);
  t.true(stream.writableLength < 2 ** 20 + 2048);
  t.false(isWritten([stream]));
  const drained = new Promise(resolve => stream.once('drain', resolve));
  go();
  await drained;
  await new Promise(resolve => stream.write('last\n', resolve));
  t.regex(taken.join(''), /\(19\d\d lines are left out here: .*\)\nlast\n$/);
  t.true(isWritten([stream]));
});

test('a program whose readers have gone ends with its own code, after all that it had to do', async t => {
  const script = `
    import { once } from 'node:events';
    import { patientWriter } from './src/system/standard-streams.ts';
    import { leave } from './src/system/leave.ts';
    const [out, err] = [process.stdout, process.stderr].map(patientWriter);
    await once(process.stdin.resume(), 'end');
    for (let n = 0; n < 100; n++) { out('out'); err('err'); await new Promise(setImmediate); }
    await leave(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  child.stdout.destroy();
  child.stderr.destroy();
  child.stdin.end();
  t.deepEqual(await once(child, 'exit'), [3, null]);
});

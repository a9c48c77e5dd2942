// A pool that dots have filled: what is reserved for etcd and the server lets the next boot work.
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { errno } from '../../src/lib/errors.ts';
import { until } from '../../src/lib/retry.ts';
import { Machine, PATIENCE_MS } from '../helpers/boot.ts';
import { sh } from '../helpers/disks.ts';

let machine: Machine;

test.before(async () => {
  machine = await Machine.make('full');
});
test.after.always(() => machine.clear());

const APP = () => ['--dot=app', `--mountpoint=${machine.at('app')}`];

/** Appends in ever smaller pieces until there is no room for the smallest. Gives the number of pieces. */
async function fill(path: string): Promise<number> {
  let written = 0;
  const file = await open(path, 'a');
  try {
    for (const size of [2 ** 20, 2 ** 16, 2 ** 14]) {
      const piece = crypto.getRandomValues(Buffer.alloc(Math.min(size, 65_536)));
      const pieces = Array<Buffer>(size / piece.length).fill(piece);
      try {
        for (;;) {
          await file.writev(pieces);
          await file.datasync();
          written++;
        }
      } catch (error) {
        if (errno(error) !== 'ENOSPC') throw error;
      }
    }
    return written;
  } finally {
    await file.close();
  }
}

test.serial('the next boot of a full pool works, also when etcd has to begin anew', async t => {
  t.is((await machine.run(...APP())).code, 0);
  // What is freed comes back with a later transaction group: filled again until it stays full.
  const isFull = async () => {
    const written = await fill(machine.at('app/data'));
    await sh('zpool', 'sync', machine.pool);
    return written === 0;
  };
  t.true(await until(isFull, { deadlineMs: PATIENCE_MS }));
  t.is((await machine.stop('--export')).code, 0);

  const next = await machine.run(...APP());
  t.is(next.code, 0, next.text);
  t.regex(next.text, /app: kept/);

  await writeFile(join(machine.stateDirectory, 'etcd-version'), '3.3\n');
  t.is((await machine.stop('--export')).code, 0);
  const anew = await machine.run(...APP());
  t.is(anew.code, 0, anew.text);
  t.regex(anew.text, /set aside/);
  t.regex(anew.text, /app: kept/);
});

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

/** Writes to a new file, in ever smaller pieces, until there is no room for the smallest. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const size of [2 ** 20, 2 ** 14, 512]) {
      const piece = crypto.getRandomValues(Buffer.alloc(Math.min(size, 65_536)));
      const pieces = Array<Buffer>(size / piece.length).fill(piece);
      try {
        for (;;) {
          await file.writev(pieces);
          await file.datasync();
        }
      } catch (error) {
        if (errno(error) !== 'ENOSPC') throw error;
      }
    }
  } finally {
    await file.close();
  }
}

test.serial('the next boot of a full pool works, also when etcd has to begin anew', async t => {
  t.is((await machine.run(...APP())).code, 0);
  // What is freed comes back with a later transaction group: filled again until it stays full.
  let round = 0;
  const isFull = async () => {
    await fill(machine.at(`app/data${++round}`));
    await sh('zpool', 'sync', machine.pool);
    return !(await hasRoom());
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

async function hasRoom(): Promise<boolean> {
  const file = await open(machine.at('app/more'), 'w');
  try {
    await file.writeFile(crypto.getRandomValues(Buffer.alloc(65_536)));
    await file.datasync();
    return true;
  } catch (error) {
    if (errno(error) !== 'ENOSPC') throw error;
    return false;
  } finally {
    await file.close();
  }
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { listDevices } from '../../../src/provision/auto.ts';
import { startPatience } from '../../../src/provision/patience.ts';

const sys = await mkdtemp(join(tmpdir(), 'auto-'));
test.after.always(() => rm(sys, { recursive: true }));

async function device(name: string, files: Record<string, string>): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(sys, 'block', name, file, '..'), { recursive: true });
    await writeFile(join(sys, 'block', name, file), `${text}\n`);
  }
}

test('sysfs tells of each device what is needed, and a path of a multipath disk has no number', async t => {
  await device('nvme10n1', { dev: '259:4', size: '8', removable: '0', 'device/model': 'EphemeralDisk   ' });
  await device('nvme2n1', { dev: '259:3', size: '2048', removable: '1' });
  await device('nvme2c0n1', { size: '2048', removable: '0' });
  const [hidden, second, tenth] = await listDevices(sys);
  t.like(hidden, { name: 'nvme2c0n1', number: undefined, hasNode: false });
  t.like(second, { path: '/dev/nvme2n1', number: '259:3', sizeBytes: 2 ** 20, removable: true, model: '' });
  t.like(tenth, { path: '/dev/nvme10n1', model: 'EphemeralDisk', removable: false });
});

test('patience ends at once when a disk comes, and has ended from the start when there is none', async t => {
  let there = 'sda';
  const patience = await startPatience(600_000, async () => there);
  t.false(patience.isOver());
  t.true(patience.remainingMs() > 0);
  const change = patience.change();
  there = 'sda sdb';
  await change;
  t.false(patience.isOver());

  const none = await startPatience(0, async () => there);
  t.true(none.isOver());
  t.is(none.remainingMs(), 0);
  await none.change();
});

test('a signal ends the waiting for disks', async t => {
  const stop = new AbortController();
  const patience = await startPatience(600_000, async () => 'sda');
  const change = patience.change(stop.signal);
  stop.abort();
  await t.throwsAsync(change, { name: 'AbortError' });
});

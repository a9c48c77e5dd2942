import { readFile } from 'node:fs/promises';
import test from 'ava';
import { deviceAt, mountsOf } from '../../../src/dots/where-mounted.ts';

test('a filesystem is found by its source or by its device, seen by us', async t => {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trim().split('\n');
  const [, , device, , mountpoint = '', ...rest] =
    lines.find(line => line.split(' ')[4] === '/proc')?.split(' ') ?? [];
  const here = { mountpoint, seenBy: '' };
  const has = async (dataset: string, at: string | undefined) =>
    (await mountsOf(dataset, at)).some(place => place.mountpoint === here.mountpoint && place.seenBy === '');
  t.true(await has('no/such', device));
  t.true(await has(rest.at(-2) ?? '', undefined));
  t.false(await has('no/such', undefined));
  t.is(await deviceAt('/nowhere'), undefined);
  t.regex((await deviceAt('/proc')) ?? '', /^\d+:\d+$/);
});

import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { expandDevices } from '../../../src/provision/devices.ts';
import { surveyDevice } from '../../../src/provision/survey.ts';
import type { Label, Pools } from '../../../src/zfs/index.ts';

const SIZE = 300 * 2 ** 20;

/** A Pools of which only `labels` is asked. */
const poolsWith = (labels: () => Promise<Label[]>) => ({ labels }) as unknown as Pools;
const noLabels = poolsWith(async () => []);

const folder = await mkdtemp(join(tmpdir(), 'survey-'));
test.after.always(() => rm(folder, { recursive: true }));

async function device(name: string, head = '') {
  const path = join(folder, name);
  await writeFile(path, head);
  await truncate(path, SIZE);
  const [found] = await expandDevices([path], { waitMs: 0 });
  if (!found) throw new Error('no device');
  return found;
}

test('a blank file is blank, and nobody is asked for labels that can not be there', async t => {
  const asked = poolsWith(() => t.fail() as never);
  const state = await surveyDevice(await device('blank'), asked, new Map());
  t.like(state, { use: 'as is', sizeBytes: SIZE, users: [], content: { found: [], unborn: undefined } });
});

test('a device of an imported pool says so, and is not read', async t => {
  const member = await device('member', 'something');
  const state = await surveyDevice(member, noLabels, new Map([[member.identity, 'tank']]));
  t.deepEqual(state.users, ['it belongs to the imported pool tank']);
});

test('a device that can not be read to its end is unreadable, by its name', async t => {
  const short = await device('short');
  await truncate(short.path, 1000);
  const error = await t.throwsAsync(surveyDevice(short, noLabels, new Map()));
  t.like(error, { code: 'DEVICE_UNREADABLE', kind: 'device' });
  t.regex(error?.message ?? '', /short can not be read/);
});

test('a ZFS that hangs is not taken for a bad device', async t => {
  const hung = poolsWith(() => Promise.reject(new DmError('zfs', 'ZFS_HUNG', 'No answer.')));
  const error = await t.throwsAsync(surveyDevice(await device('data', 'x'), hung, new Map()));
  t.like(error, { code: 'ZFS_HUNG' });
});

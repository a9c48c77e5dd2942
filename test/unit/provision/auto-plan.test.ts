import test from 'ava';
import fc from 'fast-check';
import { type Choice, planAuto, type Sight, settle } from '../../../src/provision/auto-plan.ts';
import { type DiskFacts, mayHoldPool, skipReason, spareReason } from '../../../src/provision/auto-skip.ts';
import { ANY_POOL, BLANK, type Content, UNREADABLE_POOL } from '../../../src/provision/device-content.ts';
import type { DeviceState } from '../../../src/provision/survey.ts';
import type { Label } from '../../../src/zfs/index.ts';

const GIB = 2 ** 30;
const request = { poolName: 'tank', marks: true };

function read(path: string, content: Content, more: Partial<DeviceState> = {}, spare?: string): Sight {
  const base = { use: 'make partition' as const, number: '8:0', sizeBytes: GIB, readOnly: false, users: [] };
  const state = { named: path, path, ...base, content, ...more };
  return { disk: { path, sizeBytes: state.sizeBytes }, state, spare };
}
const label = (more: Partial<Label> = {}): Label => ({
  ...{ poolName: 'tank', poolGuid: '1', guid: '11', topGuid: '11', txg: '40', state: 0, hostId: undefined },
  ...{ hostName: undefined, comment: 'dm-linuxkit', vdevChildren: 1, paths: ['/dev/sda1'], ...more },
});
const pool = (...labels: Label[]): Content => ({
  found: labels.map(each => `the ZFS pool "${each.poolName}" (${each.poolGuid})`),
  labels,
  unborn: undefined,
});
const foreign = (what: string): Content => ({ found: [what], labels: [], unborn: undefined });

const blank = read('/dev/sdb', BLANK);
const ext4 = read('/dev/sda', foreign('a filesystem (ext4)'));
const broken: Sight = {
  disk: { path: '/dev/sdx', sizeBytes: GIB },
  unreadable: 'it gives no answer within 9 s',
  late: false,
};

/** `take /dev/sdb`, or the code of the refusal. */
function told(choice: Choice): string {
  if (choice.do === 'refuse') return choice.error.code;
  return `take ${choice.states.map(({ named }) => named).join(' ')}`;
}
const decide = (...sights: Sight[]) => told(planAuto(request, sights));

test('one blank disk is taken, whatever strangers carry beside it', t => {
  t.is(
    decide(ext4, blank, { disk: { path: '/dev/sr0', sizeBytes: GIB }, skip: 'an optical drive' }),
    'take /dev/sdb',
  );
  t.true(planAuto(request, [blank]).do === 'take');
  t.like(planAuto(request, [blank]), { blank: true });
});

test('the disks of our pool are taken before a blank one, all of them, by what they carry', t => {
  const [a, b] = ['1', '2'].map(guid => label({ guid, topGuid: guid, vdevChildren: 2 }));
  if (!a || !b) return t.fail();
  const sights = [blank, read('/dev/sdc', pool(a)), broken, read('/dev/sdd', pool(b))];
  t.is(decide(...sights), 'take /dev/sdc /dev/sdd');
  t.like(planAuto(request, sights), { blank: false, complete: true });
});

test('an incomplete pool of ours is never replaced by a blank disk', t => {
  const half = read('/dev/sdc', pool(label({ vdevChildren: 2 })));
  const choice = planAuto(request, [blank, half]);
  t.is(told(choice), 'take /dev/sdc');
  t.like(choice, { complete: false });
});

test('a blank disk is taken only when the wait is over; the whole pool, and a hopeless refusal, at once', t => {
  const isSettled = (...sights: Sight[]) => settle(planAuto(request, sights), false) !== undefined;
  t.false(isSettled(blank));
  t.false(isSettled(), 'no disk at all');
  t.false(isSettled(blank, read('/dev/sdc', BLANK)), 'several blank ones');
  t.false(isSettled(read('/dev/sdc', pool(label({ vdevChildren: 2 })))), 'half of the pool');
  t.true(isSettled(blank, read('/dev/sdc', pool(label()))));
  t.true(isSettled(blank, broken));
  t.like(settle(planAuto(request, [blank]), true), { do: 'take', blank: true });
});

test('as long as a disk can not be read, no blank one is taken', t => {
  const choice = planAuto(request, [blank, broken]);
  if (choice.do !== 'refuse') return t.fail();
  t.like(choice.error, { kind: 'device', code: 'DEVICE_UNREADABLE' });
  t.regex(choice.error.message, /\/dev\/sdx .* no answer within 9 s/);
  t.regex(choice.error.hint ?? '', /Name the device .*or take the broken one away/);
  t.is(decide(broken), 'DEVICE_UNREADABLE');
});

test('a trace of a pool that may be ours stands against a blank disk, and is listed', t => {
  const traces = {
    'another name': pool(label({ poolName: 'old' })),
    'no mark': pool(label({ comment: undefined })),
    damaged: foreign(UNREADABLE_POOL),
  };
  for (const [why, content] of Object.entries(traces)) {
    t.is(decide(blank, read('/dev/sda', content)), 'AUTO_AMBIGUOUS', why);
    t.is(decide(read('/dev/sda', content)), 'AUTO_NO_DISK', why);
  }
  const gone = read('/dev/sda1', foreign('data of an unknown kind'), { use: 'partition' });
  t.is(decide(blank, gone), 'AUTO_AMBIGUOUS');
  const stranger = read('/dev/sda', pool(label({ poolName: 'old', comment: undefined })));
  t.is(decide(blank, stranger), 'take /dev/sdb');
});

test('where labels carry no marks, the name has to do', t => {
  const unmarked = read('/dev/sda', pool(label({ comment: undefined })));
  t.is(told(planAuto({ ...request, marks: false }, [blank, unmarked])), 'take /dev/sda');
});

test('several blank disks are refused with their sizes', t => {
  const choice = planAuto(request, [blank, read('/dev/sdc', BLANK, { sizeBytes: 5 * GIB })]);
  if (choice.do !== 'refuse') return t.fail();
  t.is(choice.error.message, 'There are 2 blank disks: /dev/sdb (1.0 GiB), /dev/sdc (5.0 GiB).');
});

test('without a disk, the refusal says of each why it was not taken', t => {
  const choice = planAuto(request, [
    ext4,
    read('/dev/sdb', BLANK, { readOnly: true }),
    read('/dev/sdc', BLANK, { users: ['mounted at /'] }),
    read('/dev/sdd', BLANK, { sizeBytes: 2 ** 20 }),
    read('/dev/sde', BLANK, {}, 'a disk that does not outlive the machine'),
    { disk: { path: '/dev/loop0', sizeBytes: GIB }, skip: 'a loop device' },
  ]);
  if (choice.do !== 'refuse') return t.fail();
  t.is(choice.error.code, 'AUTO_NO_DISK');
  for (const why of [
    /sda: it carries a filesystem/,
    /sdb: it is read-only/,
    /sdc: in use: mounted at \//,
    /sdd: it is too small/,
    /sde: a disk that does not outlive/,
    /loop0: a loop device/,
  ])
    t.regex(choice.error.message, why);
  t.true(choice.mayChange);
});

test('our pool on a disk that is read-only or thrown away counts all the same', t => {
  t.is(decide(blank, read('/dev/sda', pool(label()), { readOnly: true })), 'take /dev/sda');
  t.is(decide(blank, read('/dev/sda', pool(label()), {}, 'goes')), 'take /dev/sda');
});

test('a creation that was cut off is gone on with, also by its partition', t => {
  for (const unborn of ['tank', ANY_POOL])
    t.is(decide(read('/dev/sda', { found: ['the beginnings'], labels: [], unborn })), 'take /dev/sda');
  t.is(decide(read('/dev/sda', { found: ['the beginnings'], labels: [], unborn: 'other' })), 'AUTO_NO_DISK');
  t.is(decide(read('/dev/sda', BLANK, { use: 'partition' })), 'take /dev/sda');
});

test('a new pool is made only when nothing on the machine could hold the old one', t => {
  const kinds = [
    blank,
    ext4,
    broken,
    read('/dev/sdc', pool(label())),
    read('/dev/sdd', pool(label({ poolName: 'old' }))),
  ];
  const some = fc.subarray(kinds);
  fc.assert(
    fc.property(some, sights => {
      const choice = planAuto(request, sights);
      const isNew = choice.do === 'take' && choice.blank;
      return isNew === (sights.includes(blank) && sights.every(each => each === blank || each === ext4));
    }),
  );
  t.pass();
});

const disk = (more: Partial<DiskFacts>): DiskFacts => ({
  ...{
    name: 'sda',
    path: '/dev/sda',
    number: '8:0',
    hasNode: true,
    sizeBytes: GIB,
    removable: false,
    model: '',
  },
  ...more,
});

test('what is no disk of its own is left out', t => {
  for (const name of ['sda', 'vdb', 'xvdf', 'nvme1n1', 'ubda', 'mmcblk0', 'pmem0'])
    t.is(skipReason(disk({ name }), false), undefined, name);
  for (const name of [
    'sr0',
    'fd0',
    'loop7',
    'ram0',
    'zram0',
    'zd16',
    'nbd0',
    'dm-0',
    'md127',
    'mmcblk0boot1',
  ])
    t.not(skipReason(disk({ name }), false), undefined, name);
  t.regex(skipReason(disk({ name: 'nvme0c0n1', number: undefined }), false) ?? '', /hidden/);
  t.is(skipReason(disk({ removable: true }), false), 'removable');
  t.is(skipReason(disk({ sizeBytes: 0 }), false), 'it is empty');
  t.is(skipReason(disk({ name: 'loop0' }), true), undefined);
});

test('a pool is looked for also where auto does not look for a disk', t => {
  for (const more of [{}, { removable: true }, { name: 'loop0' }, { name: 'dm-0' }, { name: 'md127' }])
    t.true(mayHoldPool(disk(more)), JSON.stringify(more));
  for (const name of ['sr0', 'zd16', 'nbd0', 'ram0', 'fd0']) t.false(mayHoldPool(disk({ name })), name);
  t.false(mayHoldPool(disk({ sizeBytes: 0 })));
});

test('disks that clouds throw away are known by their model, and those that stay are not mistaken for them', t => {
  for (const model of ['Amazon EC2 NVMe Instance Storage', 'nvme_card', 'nvme_card7', 'EphemeralDisk'])
    t.regex(spareReason({ model }) ?? '', /does not outlive the machine/);
  for (const model of ['', 'Amazon Elastic Block Store', 'nvme_card-pd', 'PersistentDisk', 'Virtual Disk'])
    t.is(spareReason({ model }), undefined, model);
});

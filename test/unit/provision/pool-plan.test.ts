import test from 'ava';
import fc from 'fast-check';
import { BLANK, type Content } from '../../../src/provision/device-content.ts';
import { type Plan, planPool } from '../../../src/provision/pool-plan.ts';
import type { DeviceState } from '../../../src/provision/survey.ts';
import type { Label } from '../../../src/zfs/index.ts';

const GIB = 2 ** 30;
const request = { poolName: 'tank', storageSizeBytes: GIB, force: false };

function device(named: string, more: Partial<DeviceState> = {}): DeviceState {
  const base = { use: 'as is' as const, number: '8:1', sizeBytes: GIB, readOnly: false, users: [] };
  return { named, path: named, ...base, content: BLANK, ...more };
}

function label(more: Partial<Label> = {}): Label {
  return {
    poolName: 'tank',
    poolGuid: '1',
    guid: '11',
    topGuid: '11',
    txg: '40',
    state: 0,
    hostId: undefined,
    hostName: undefined,
    comment: undefined,
    vdevChildren: 1,
    paths: ['/dev/sda1'],
    ...more,
  };
}

const carrying = (...labels: Label[]): Content => ({
  found: labels.map(each => `the ZFS pool "${each.poolName}"`),
  labels,
  unborn: undefined,
});
const EXT4: Content = { found: ['a filesystem (ext4)'], labels: [], unborn: undefined };

function refusal(plan: Plan): string {
  return plan.do === 'refuse' ? `${plan.error.kind}/${plan.error.code}` : plan.do;
}

test('blank devices become a pool, and nothing is wiped', t => {
  const plan = planPool(request, [device('/dev/a'), device('/data/b', { use: 'make file', sizeBytes: 0 })]);
  t.like(plan, { do: 'create', wipe: [], watch: [] });
});

test('a complete pool of the wanted name is imported by its guid', t => {
  const [a, b] = [label(), label({ guid: '12', topGuid: '12' })].map(each => ({ ...each, vdevChildren: 2 }));
  if (!a || !b) return t.fail();
  const plan = planPool(request, [
    device('/dev/a', { content: carrying(a) }),
    device('/dev/b', { content: carrying(b) }),
  ]);
  t.like(plan, { do: 'import', guid: '1' });
});

test('the newest label of a pool is the one that counts', t => {
  const old = label({ hostName: 'before' });
  const plan = planPool(request, [
    device('/dev/a', { content: carrying(old, label({ txg: '100', hostName: 'after' }), old) }),
  ]);
  t.is(plan.do === 'import' ? plan.label.hostName : undefined, 'after');
});

test('one of two devices is missing, whether or not the other one is blank', t => {
  const half = device('/dev/a', { content: carrying(label({ vdevChildren: 2 })) });
  t.is(refusal(planPool(request, [half])), 'pool/POOL_MISSING_DEVICE');
  t.is(refusal(planPool({ ...request, force: true }, [half, device('/dev/b')])), 'pool/POOL_MISSING_DEVICE');
});

test('one side of a mirror is missing', t => {
  const side = device('/dev/a', { content: carrying(label({ topGuid: '9', paths: ['/dev/x', '/dev/y'] })) });
  t.is(refusal(planPool(request, [side])), 'pool/POOL_MISSING_DEVICE');
});

test('a device beside a complete pool is refused, not added', t => {
  const devices = [device('/dev/a', { content: carrying(label()) }), device('/dev/b')];
  t.is(refusal(planPool(request, devices)), 'pool/POOL_OTHER_DEVICES');
});

test('two pools of the name are told by their guids', t => {
  const plan = planPool(request, [
    device('/dev/a', { content: carrying(label()) }),
    device('/dev/b', { content: carrying(label({ poolGuid: '2' })) }),
  ]);
  t.is(refusal(plan), 'pool/POOL_TWICE');
  t.true(plan.do === 'refuse' && /1 on \/dev\/a; 2 on \/dev\/b/.test(plan.error.message));
});

test('a pool of another name is named, with the flag that uses it', t => {
  const plan = planPool(request, [device('/dev/a', { content: carrying(label({ poolName: 'data' })) })]);
  t.is(refusal(plan), 'pool/POOL_OTHER_NAME');
  t.true(plan.do === 'refuse' && plan.error.hint?.includes('--pool-name=data'));
});

test('whatever a device carries, it is refused by name and content', t => {
  const plan = planPool(request, [device('/dev/a'), device('/dev/b', { content: EXT4 })]);
  t.is(refusal(plan), 'device/DEVICE_NOT_BLANK');
  t.true(plan.do === 'refuse' && /\/dev\/b .*ext4/.test(plan.error.message));
});

test('a destroyed pool is not blank, and not imported either', t => {
  const destroyed = device('/dev/a', { content: carrying(label({ state: 2 })) });
  t.is(refusal(planPool(request, [destroyed])), 'device/DEVICE_NOT_BLANK');
});

test('--force wipes what it was given for, and watches what another machine may use', t => {
  const [blank, ext4] = [device('/dev/a'), device('/dev/b', { content: EXT4 })];
  const active = device('/dev/c', { content: carrying(label({ poolName: 'data' })) });
  const exported = device('/dev/d', { content: carrying(label({ poolName: 'x', poolGuid: '3', state: 1 })) });
  const plan = planPool({ ...request, force: true }, [blank, ext4, active, exported]);
  t.like(plan, { do: 'create', wipe: [ext4, active, exported], watch: [active] });
});

test('a pool of our name whose creation was cut off is started again; one of another name is not blank', t => {
  const unborn = (name: string) =>
    device('/dev/a', { content: { found: ['the beginnings'], labels: [], unborn: name } });
  const plan = planPool(request, [unborn('tank')]);
  t.is(plan.do === 'create' ? plan.wipe.length : -1, 1);
  t.is(refusal(planPool(request, [unborn('other')])), 'device/DEVICE_NOT_BLANK');
});

test('too small: a device, a file that is to be made', t => {
  const small = { sizeBytes: 100 * 2 ** 20 };
  t.is(refusal(planPool(request, [device('/dev/a', small)])), 'device/DEVICE_TOO_SMALL');
  const file = device('/x', { use: 'make file', sizeBytes: 0 });
  t.is(refusal(planPool({ ...request, storageSizeBytes: 1000 }, [file])), 'device/DEVICE_TOO_SMALL');
});

const contents = fc.constantFrom<Content>(
  BLANK,
  EXT4,
  carrying(label()),
  carrying(label({ vdevChildren: 2 })),
  carrying(label({ poolName: 'data', poolGuid: '2' })),
  carrying(label({ state: 1, poolGuid: '3' })),
);
const devices = fc.array(
  fc.record({ content: contents, readOnly: fc.boolean(), inUse: fc.boolean() }).map(each =>
    device('/dev/x', {
      content: each.content,
      readOnly: each.readOnly,
      users: each.inUse ? ['mounted at /'] : [],
    }),
  ),
  { minLength: 1, maxLength: 4 },
);

test('property: without --force nothing that carries anything is written to', t => {
  fc.assert(
    fc.property(devices, all => {
      const plan = planPool(request, all);
      return plan.do !== 'create' || (plan.wipe.length === 0 && all.every(each => each.content === BLANK));
    }),
  );
  t.pass();
});

test('property: --force never touches a device in use, a read-only one, or a pool of the wanted name', t => {
  fc.assert(
    fc.property(devices, all => {
      const plan = planPool({ ...request, force: true }, all);
      if (plan.do === 'refuse') return true;
      const free = all.every(each => each.users.length === 0 && !each.readOnly);
      const ours = all.some(each => each.content.labels.some(each => each.poolName === 'tank'));
      return free && (plan.do === 'import' || !ours);
    }),
  );
  t.pass();
});

test('a disk and its copy, attached together, are refused: which one ZFS would take is chance', t => {
  const plan = planPool(request, [
    device('/dev/a', { content: carrying(label()) }),
    device('/dev/b', { content: carrying(label({ txg: '39' })) }),
  ]);
  t.is(refusal(plan), 'pool/POOL_TWICE');
  t.true(plan.do === 'refuse' && /\/dev\/a, \/dev\/b/.test(plan.error.message));
});

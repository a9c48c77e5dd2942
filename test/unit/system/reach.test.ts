import test from 'ava';
import type { Mount } from '../../../src/system/mount-table.ts';
import { isHidden } from '../../../src/system/reach.ts';

const mount = (more: Partial<Mount> = {}): Mount => ({
  id: 1,
  parent: 0,
  device: '0:50',
  root: '/db',
  mountpoint: '/var/lib/data',
  options: ['rw'],
  type: 'zfs',
  source: 'p/dmfs/id',
  peerGroup: undefined,
  ...more,
});
const isOther = (mountpoint: string) => mountpoint.startsWith('/var/dotmesh/');

test('a mount is hidden when the table of the machine does not have it, wherever it is there', t => {
  const hidden = (machine: Mount[] | 'same' | undefined, ours = mount({ peerGroup: 7 })) =>
    isHidden(ours, { machine, seesProcesses: true }, isOther);
  t.false(hidden([mount({ mountpoint: '/var/lib/kubelet/pods/x/data' })]));
  t.true(hidden([]), 'shared, but in the root of the container');
  t.true(hidden([mount({ root: '/cache' }), mount({ device: '0:51' })]));
  const whole = mount({ root: '/', peerGroup: 7 });
  t.true(hidden([mount({ root: '/', mountpoint: '/var/dotmesh/mnt/dmfs/id' })], whole));
});

test('on a plain machine nothing is hidden, and what can not be read is no alarm', t => {
  for (const machine of ['same', undefined] as const)
    t.false(isHidden(mount(), { machine, seesProcesses: true }, isOther));
});

test('without sight of processes a mount that is shared with nobody is hidden', t => {
  const view = { machine: undefined, seesProcesses: false };
  t.true(isHidden(mount(), view, isOther));
  t.false(isHidden(mount({ peerGroup: 7 }), view, isOther));
});

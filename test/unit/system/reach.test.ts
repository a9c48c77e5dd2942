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

test('a mount is hidden when the machine does not have it, by whatever path', t => {
  const hidden = (machine: Mount[], ours = mount({ peerGroup: 7 })) =>
    isHidden(ours, { machine, seesProcesses: true });
  t.false(hidden([mount({ mountpoint: '/var/lib/kubelet/pods/x/data', peerGroup: 7 })]));
  t.false(hidden([mount({ peerGroup: 9 })], mount()), 'it was there before, and came to us');
  t.true(hidden([]), 'shared, but in the root of the container');
  t.true(hidden([mount({ mountpoint: '/var/lib/same-dot', peerGroup: 8 })]));
  t.true(hidden([mount({ mountpoint: '/var/lib/same-dot' })], mount()));
  t.true(hidden([mount({ root: '/cache' }), mount({ device: '0:51' })]));
});

test('on a plain machine nothing is hidden, and what can not be read is no alarm', t => {
  for (const machine of ['same', undefined] as const)
    t.false(isHidden(mount(), { machine, seesProcesses: true }));
});

test('without sight of processes a mount that is shared with nobody is hidden', t => {
  const view = { machine: undefined, seesProcesses: false };
  t.true(isHidden(mount(), view));
  t.false(isHidden(mount({ peerGroup: 7 }), view));
});

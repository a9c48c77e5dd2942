import test from 'ava';
import { type Foreign, judgeForeign } from '../../../src/provision/takeover.ts';
import type { Capabilities, Importable, Label } from '../../../src/zfs/index.ts';

const openZfs: Capabilities = {
  description: 'OpenZFS 2.1.11',
  written: true,
  poolComment: true,
  resume: true,
  multihost: true,
  expand: true,
  diff: true,
  snapshotMounts: true,
  userSpace: false,
};
const zfsFuse = { ...openZfs, description: 'zfs-fuse 0.7.0', poolComment: false, userSpace: true };
const label: Label = {
  poolName: 'tank',
  poolGuid: '1',
  guid: '2',
  topGuid: '2',
  txg: '9',
  state: 0,
  hostId: '0badcafe',
  hostName: 'elsewhere',
  comment: 'dm-linuxkit',
  vdevChildren: 1,
  paths: [],
};
const importable: Importable = {
  name: 'tank',
  guid: '1',
  state: 'ONLINE',
  status: '',
  action: '',
  devices: [{ path: '/dev/sda1', state: 'ONLINE' }],
};
const foreign: Foreign = { poolName: 'tank', label, importable, takeover: false };

test('a complete pool with our mark may be taken over without being asked for', t => {
  t.is(judgeForeign(foreign, openZfs), undefined);
});

test('a pool without our mark is refused, naming the host and --takeover, which takes it', t => {
  const unmarked = { ...foreign, label: { ...label, comment: 'theirs' } };
  const error = judgeForeign(unmarked, openZfs);
  t.is(error?.code, 'POOL_FOREIGN');
  t.regex(error?.message ?? '', /"elsewhere" \(host id 0badcafe\)/);
  t.regex(error?.hint ?? '', /--takeover/);
  t.is(judgeForeign({ ...unmarked, takeover: true }, openZfs), undefined);
});

test('a ZFS without pool comments can not know the mark, and asks', t => {
  t.regex(judgeForeign(foreign, zfsFuse)?.message ?? '', /zfs-fuse 0.7.0 can not tell/);
  t.is(judgeForeign({ ...foreign, takeover: true }, zfsFuse), undefined);
});

test('a pool that is not complete is not taken over, --takeover or not', t => {
  const degraded = { ...importable, devices: [{ path: '/dev/sda1', state: 'UNAVAIL' }] };
  for (const each of [undefined, degraded, { ...importable, state: 'DEGRADED' }]) {
    const error = judgeForeign({ ...foreign, importable: each, takeover: true }, openZfs);
    t.is(error?.code, 'POOL_FOREIGN');
    t.notRegex(error?.hint ?? '', /--takeover/);
  }
});

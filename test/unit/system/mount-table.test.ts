import test from 'ava';
import { parseMountInfo } from '../../../src/system/mount-table.ts';
import { mappedDevices, mountOfPath } from '../../../src/system/users.ts';

const TABLE = parseMountInfo(
  [
    '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw',
    '36 27 0:50 / /var/dotmesh/mnt/dmfs/a\\040b\\134c rw,relatime shared:7 master:2 - fuse pool/dmfs/a rw,user_id=0',
    '37 27 0:50 /__default__ /data rw,noatime - fuse pool/dmfs/a rw,user_id=0',
    '38 37 0:60 / /data rw - tmpfs none rw',
    'nonsense',
    '',
  ].join('\n'),
);

test('a line of mountinfo is read with its escapes, its optional fields and its bind root', t => {
  t.is(TABLE.length, 4);
  t.deepEqual(TABLE[1], {
    id: 36,
    parent: 27,
    device: '0:50',
    root: '/',
    mountpoint: '/var/dotmesh/mnt/dmfs/a b\\c',
    options: ['rw', 'relatime'],
    type: 'fuse',
    source: 'pool/dmfs/a',
    peerGroup: 7,
  });
  t.is(TABLE[2]?.root, '/__default__');
  t.is(TABLE[2]?.peerGroup, undefined);
});

test('a path lies on the deepest mount above it, of several the topmost', t => {
  t.is(mountOfPath('/var/dotmesh/mnt/dmfs/a b\\c/x', TABLE)?.id, 36);
  t.is(mountOfPath('/data/x (deleted)', TABLE)?.id, 38);
  t.is(mountOfPath('/data', TABLE)?.id, 38);
  t.is(mountOfPath('/database', TABLE)?.id, 27);
  t.is(mountOfPath('/', TABLE)?.id, 27);
  t.is(mountOfPath('', TABLE), undefined);
});

test('mapped files are known by their device, which maps writes in hexadecimal', t => {
  const maps = '7f00-7f01 r--p 00000000 00:32 34 /data/lib.so\n7f02-7f03 rw-p 00000000 00:00 0\n';
  t.deepEqual([...mappedDevices(maps)], ['0:50', '0:0']);
  t.deepEqual([...mappedDevices('')], []);
});

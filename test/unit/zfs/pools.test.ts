import test from 'ava';
import { olderZfs, openZfsVersion } from '../../../src/zfs/capabilities.ts';
import { parseImportable } from '../../../src/zfs/importable.ts';
import { parseLabels } from '../../../src/zfs/labels.ts';
import { bytesOf, parsePoolColumns, parsePoolRows } from '../../../src/zfs/pool-list.ts';
import { parseDevices } from '../../../src/zfs/vdev-tree.ts';
import { fixture, KINDS } from './fixture.ts';

const statuses = { openzfs: 'status-degraded', 'zfs-fuse': 'status-degraded-v' };
const paths = (devices: { path: string; state: string }[]) =>
  devices.map(({ path, state }) => `${path.split('/').slice(-2).join('/')} ${state}`);

for (const kind of KINDS) {
  test(`${kind}: the devices of a degraded mirror are named, the one that is gone by its last path`, t => {
    const devices = parseDevices(fixture(kind, statuses[kind]).split('\n'));
    t.deepEqual(paths(devices), ['one/b.img ONLINE', 'w/c.img UNAVAIL']);
  });

  test(`${kind}: pools that could be imported are read, two of one name among them`, t => {
    const pools = parseImportable(fixture(kind, 'importable'));
    t.deepEqual(pools.map(pool => pool.name).sort(), ['rec-dup', 'rec-dup', 'rec-mirror', 'rec-stripe']);
    t.is(new Set(pools.map(pool => pool.guid)).size, 4);
    const mirror = pools.find(pool => pool.name === 'rec-mirror');
    t.like(mirror, { state: 'DEGRADED', status: 'One or more devices are missing from the system.' });
    t.regex(mirror?.action ?? '', /^The pool can be imported .* may be compromised if imported\.$/);
    t.deepEqual(paths(mirror?.devices ?? []), ['one/b.img ONLINE', 'w/c.img UNAVAIL']);
    const foreign = parseImportable(fixture(kind, 'importable-foreign'))[0];
    t.is(foreign?.status, 'The pool was last accessed by another system.');
  });

  test(`${kind}: a label tells pool, host, state and the paths of its top-level vdev`, t => {
    const [active, ...more] = parseLabels(fixture(kind, 'zdb-l'));
    t.deepEqual(more, []);
    t.like(active, { poolName: 'rec', state: 0, vdevChildren: 1 });
    t.regex(active?.poolGuid ?? '', /^\d{10,}$/);
    t.is(active?.guid, active?.topGuid);
    t.regex(active?.hostId ?? '', /^[0-9a-f]{8}$/);
    t.is(parseLabels(fixture(kind, 'zdb-l-exported'))[0]?.state, 1);
    const mirror = parseLabels(fixture(kind, 'zdb-l-mirror'))[0];
    t.deepEqual(
      mirror?.paths.map(path => path.split('/').at(-1)),
      ['b.img', 'c.img'],
    );
    t.not(mirror?.guid, mirror?.topGuid);
    t.deepEqual(parseLabels(fixture(kind, 'zdb-l-blank')), []);
  });
}

test('the comment of a pool is in the labels of OpenZFS', t => {
  t.is(parseLabels(fixture('openzfs', 'zdb-l'))[0]?.comment, 'hello');
  t.is(parseLabels(fixture('zfs-fuse', 'zdb-l'))[0]?.comment, undefined);
});

test('a pool of a newer version shows as one that can not be imported', t => {
  const newer = parseImportable(fixture('zfs-fuse', 'importable-newer')).find(pool => pool.name === 'recf');
  t.is(newer?.state, 'UNAVAIL');
  t.regex(newer?.action ?? '', /cannot be imported/);
});

test('logs, caches, spares and replaced devices are leaves, their vdevs are not', t => {
  // zpool_main.c print_status_config and show_import: spares have no state in the list of importable pools.
  const config = [
    '\tNAME           STATE     READ WRITE CKSUM',
    '\ttank           DEGRADED     0     0     0',
    '\t  raidz1-0     DEGRADED     0     0     0',
    '\t    sda1       ONLINE       0     0     0',
    '\t    replacing-1  DEGRADED     0     0     0',
    '\t      123456789  UNAVAIL      0     0     0  was /dev/sdb1/old',
    '\t      /dev/sdc1  ONLINE       0     0     0  (resilvering)',
    '\tlogs',
    '\t  /dev/nvme0n1p1  ONLINE       0     0     0',
    '\tspares',
    '\t  /dev/sdd1    AVAIL',
    '\t  /dev/sde1',
    '',
    'errors: No known data errors',
  ];
  t.deepEqual(
    parseDevices(config).map(device => `${device.path} ${device.state}`),
    [
      '/dev/sda1 ONLINE',
      '/dev/sdb1 UNAVAIL',
      '/dev/sdc1 ONLINE',
      '/dev/nvme0n1p1 ONLINE',
      '/dev/sdd1 AVAIL',
      '/dev/sde1 ONLINE',
    ],
  );
});

test('imported pools are read from both lists', t => {
  t.deepEqual(parsePoolRows(fixture('openzfs', 'list-p'))[0], {
    name: 'rec',
    guid: '3160094098114323534',
    health: 'ONLINE',
    sizeBytes: 117440512,
    freeBytes: 117308928,
    readonly: false,
  });
  t.deepEqual(
    parsePoolColumns(fixture('zfs-fuse', 'get-columns')).map(pool => [
      pool.name,
      pool.sizeBytes,
      pool.health,
    ]),
    [
      ['rec', 123 * 2 ** 20, 'ONLINE'],
      ['rec-mirror', 123 * 2 ** 20, 'ONLINE'],
    ],
  );
  t.deepEqual(parsePoolRows(''), []);
  t.deepEqual(parsePoolColumns(''), []);
  t.is(bytesOf('1.5T'), 1.5 * 2 ** 40);
  t.is(bytesOf('-'), 0);
});

test('the two ZFS kinds are told apart by what they say of themselves', t => {
  t.is(openZfsVersion(fixture('openzfs', 'zfs-version')), '2.1.11');
  t.is(openZfsVersion('zfs-2.3.2-2~bpo12+2\nzfs-kmod-2.2.7-1\n'), '2.2.7');
  t.is(openZfsVersion("unrecognized command 'version'"), undefined);
  const older = olderZfs(fixture('zfs-fuse', 'zpool-get-help'), fixture('zfs-fuse', 'zpool-upgrade-v'));
  t.like(older, {
    description: 'zfs-fuse, pool version 23',
    poolComment: false,
    multihost: false,
    expand: true,
  });
});

import test from 'ava';
import fc from 'fast-check';
import { newestLabel, withRoom } from '../../../src/provision/grow.ts';
import { enlargedSize, hasRoom } from '../../../src/provision/growth.ts';
import type { Label } from '../../../src/zfs/index.ts';

const MIB = 2 ** 20;

test('a partition as sfdisk makes it is left alone on the disk that it was made for', t => {
  t.is(enlargedSize({ diskBytes: 512 * MIB, startBytes: MIB, sizeBytes: 510 * MIB }), undefined);
});

test('on a disk that has grown it ends before the second copy of the table, on a whole MiB', t => {
  const grown = { diskBytes: 1024 * MIB, startBytes: MIB, sizeBytes: 510 * MIB };
  t.is(enlargedSize(grown), 1022 * MIB);
  t.is(enlargedSize({ ...grown, diskBytes: 1024 * MIB + 512 }), 1022 * MIB);
});

test('it never gets smaller, never leaves the disk, and enlarging twice changes nothing', t => {
  const mebibytes = fc.integer({ min: 300, max: 1_000_000 });
  fc.assert(
    fc.property(mebibytes, mebibytes, fc.integer({ min: 0, max: 2047 }), (disk, old, sectors) => {
      const diskBytes = disk * MIB + sectors * 512;
      const place = { diskBytes, startBytes: MIB, sizeBytes: old * MIB };
      const size = enlargedSize(place);
      if (size === undefined) return diskBytes - old * MIB < 19 * MIB;
      const fits = size > place.sizeBytes && MIB + size + 34 * 512 <= diskBytes;
      return fits && enlargedSize({ ...place, sizeBytes: size }) === undefined;
    }),
  );
  t.pass();
});

test('what ZFS keeps for itself is no room, and an unread label tells nothing', t => {
  const room = (type: string, recordedMiB: number | undefined, ...sizesMiB: number[]) =>
    hasRoom({
      type,
      recordedBytes: recordedMiB === undefined ? undefined : recordedMiB * MIB,
      sizes: sizesMiB.map(size => size * MIB),
    });
  t.false(room('disk', 505, 510));
  t.true(room('disk', 505, 1022));
  t.false(room('file', undefined, 1022));
  t.false(room('mirror', 505, 510, 1022), 'the smaller one decides');
  t.true(room('mirror', 505, 1022, 1022));
  t.false(room('raidz', 4 * 505, 510, 510, 510, 510));
  t.true(room('raidz', 3 * 505, 1022, 1022, 1022));
  t.false(room('draid', 505, 1022));
  t.false(room('mirror', 505));
});

const label = (more: Partial<Label>): Label => ({
  ...{ poolName: 'tank', poolGuid: '1', guid: '11', topGuid: '11', txg: '40', state: 0, hostId: undefined },
  ...{ hostName: undefined, comment: 'dm-linuxkit', vdevChildren: 1, paths: ['/dev/sda1'] },
  ...{ topType: 'disk', sizeBytes: 505 * MIB, ...more },
});

test('each top-level vdev is looked at for itself, and only when all of its devices are open', t => {
  const device = (name: string, sizeMiB: number, more: Partial<Label>) => ({
    name,
    sizeBytes: sizeMiB * MIB,
    label: label(more),
  });
  const mirror = { topGuid: '2', topType: 'mirror', paths: ['/dev/sdb1', '/dev/sdc1'] };
  const namesOf = (...devices: ReturnType<typeof device>[]) => withRoom(devices).map(({ name }) => name);
  const [a, b, c] = [device('a', 1022, {}), device('b', 1022, mirror), device('c', 510, mirror)];
  t.deepEqual(namesOf(a, b, c), ['a']);
  t.deepEqual(namesOf(b, { ...c, sizeBytes: 1022 * MIB }), ['b', 'c']);
  t.deepEqual(namesOf(b), []);
  t.deepEqual(withRoom([{ sizeBytes: 1022 * MIB, label: undefined }]), []);
});

test('of several labels the newest of this pool counts, and none of another pool', t => {
  const old = label({ txg: '9' });
  const newer = label({ txg: '10' });
  t.is(newestLabel([old, newer, label({ poolGuid: '2', txg: '99' })], '1'), newer);
  t.is(newestLabel([label({ poolGuid: '2' })], '1'), undefined);
});

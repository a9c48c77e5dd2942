import test from 'ava';
import fc from 'fast-check';
import { enlargedSize, hasRoom } from '../../../src/provision/growth.ts';

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
  t.false(hasRoom(510 * MIB, 505 * MIB));
  t.true(hasRoom(1022 * MIB, 505 * MIB));
  t.false(hasRoom(1022 * MIB, undefined));
});

import test from 'ava';
import fc from 'fast-check';
import type { Change } from '../../../src/etcd/index.ts';
import { batches, fromBase64, rangeEnd, toBase64 } from '../../../src/etcd/keys.ts';

test('the end of a range is behind everything below the prefix and before everything else', t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.string(),
      fc.string(),
      (prefix, more, other) => {
        const end = Buffer.from(rangeEnd(prefix), 'base64');
        const inRange = (key: string) =>
          Buffer.compare(Buffer.from(key), Buffer.from(prefix)) >= 0 &&
          Buffer.compare(Buffer.from(key), end) < 0;
        t.true(inRange(prefix + more));
        t.is(
          inRange(other),
          Buffer.from(other).subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix)),
        );
      },
    ),
  );
});

test('text survives base64', t => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), text => t.is(fromBase64(toBase64(text)), text)));
});

const key = fc.constantFrom('a', 'a/1', 'a/2', 'b', 'b/1');
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ put: fc.record({ key, value: fc.string() }) }),
  fc.record({ delete: key }),
  fc.record({ deletePrefix: key }),
);

test('batches keep every change in order, and no batch touches a key twice', t => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), changes => {
      const cut = batches(changes);
      t.deepEqual(cut.flat(), changes);
      for (const batch of cut) {
        t.true(batch.length > 0 && batch.length <= 100);
        const keys = batch.map(one => ('put' in one ? one.put.key : 'delete' in one ? one.delete : ''));
        const single = keys.filter(one => one !== '');
        t.is(new Set(single).size, single.length);
        for (const one of batch) {
          if (!('deletePrefix' in one)) continue;
          t.false(single.some(other => other.startsWith(one.deletePrefix)));
        }
      }
    }),
  );
});

test('a batch stays below the size that etcd takes', t => {
  const value = 'v'.repeat(300_000);
  const cut = batches(['a', 'b', 'c'].map((name): Change => ({ put: { key: name, value } })));
  t.deepEqual(
    cut.map(batch => batch.length),
    [1, 1, 1],
  );
});

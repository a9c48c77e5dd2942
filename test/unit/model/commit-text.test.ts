import test from 'ava';
import fc from 'fast-check';
import type { DmError } from '../../../src/lib/errors.ts';
import { isoDate, parseMetadata } from '../../../src/model/commit-text.ts';

for (const [given, pairs] of [
  [['apples=green', 'empty='], { apples: 'green', empty: '' }],
  [['a=1,b=2'], { a: '1', b: '2' }],
  [['a=b=c'], { a: 'b=c' }],
  [['"who=Ann, Bob",b=2'], { who: 'Ann, Bob', b: '2' }],
  [['"say=""hi"", you"'], { say: '"hi", you' }],
  [['say="hi"'], { say: '"hi"' }],
  [['text=two\nlines'], { text: 'two\nlines' }],
  [[''], {}],
] as const) {
  test(`metadata ${JSON.stringify(given)}`, t => {
    t.deepEqual(parseMetadata(given), pairs);
  });
}

test('an item without a name or a value is refused in the words that scripts know', t => {
  t.is(
    t.throws<DmError>(() => parseMetadata(['a=1,nothing']))?.message,
    'Each metadata value must be a name=value pair: nothing',
  );
  t.regex(
    t.throws<DmError>(() => parseMetadata(['=x']))?.message ?? '',
    /^Metadata field names must start with lowercase characters: /,
  );
});

test('any value travels as it is when its item stands in quotes', t => {
  const pairs = fc.dictionary(fc.stringMatching(/^[a-z][^=,"]{0,10}$/), fc.string({ unit: 'grapheme' }));
  const property = fc.property(pairs, fields => {
    const items = Object.entries(fields).map(
      ([key, value]) => `"${`${key}=${value}`.replaceAll('"', '""')}"`,
    );
    t.deepEqual(parseMetadata(items), { ...fields });
    t.deepEqual(parseMetadata([items.join(',')]), { ...fields });
  });
  fc.assert(property);
});

test('nanoseconds are shown as a date, and what is no time is not', t => {
  t.is(isoDate('1588000000123456789'), '2020-04-27T15:06:40Z');
  t.is(isoDate('yesterday'), undefined);
  t.is(isoDate(undefined), undefined);
});

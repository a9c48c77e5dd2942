import test from 'ava';
import fc from 'fast-check';
import {
  decodeMetadata,
  encodeMetadata,
  metadataOfProperties,
  readGiven,
  timestampAfter,
} from '../../../src/model/commit.ts';
import { formatTags, parseTags } from '../../../src/model/tags.ts';

const refusal = (given: Record<string, string>, message = 'm') => {
  try {
    readGiven(given, message);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

test('metadata is what was given, without the id that it asks for', t => {
  const given = { 'ключ é': 'значение\0 \u{1f600}', empty: '', '#commit-id': 'mine:1.0' };
  t.deepEqual(readGiven(given, ''), {
    id: 'mine:1.0',
    metadata: { 'ключ é': 'значение\0 \u{1f600}', empty: '' },
  });
  t.is(readGiven({}, 'm').id, undefined);
});

test('fields begin with a small letter, and are at most 100 with 64 KiB each', t => {
  const words = 'Metadata field names must start with lowercase characters: ';
  for (const key of ['Big', '1', '_x', '-x', '#x', '日', ' a'])
    t.is(refusal({ [key]: '' }), `${words}${key}`);
  t.regex(refusal({ '': 'x' }), /cannot be empty/);
  t.is(refusal({ a: 'é'.repeat(32 << 10) }), '');
  t.regex(refusal({ a: `${'é'.repeat(32 << 10)}x` }), /longer than 64 KiB/);
  t.regex(refusal({}, 'x'.repeat(65_537)), /message is longer than 64 KiB/);
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, '']));
  t.is(refusal({ ...many(100), '#commit-id': 'x' }), '');
  t.regex(refusal(many(101)), /at most 100 metadata fields, not 101/);
});

test('an id is one that ZFS and a directory take, and none that is hidden', t => {
  for (const id of ['', '.', '..', 'a/b', 'a@b', '-x', 'a\n', 'dotmesh-fastdiff-1', 'x'.repeat(129), 'ü']) {
    t.regex(refusal({ '#commit-id': id }), /snapshot/, id);
  }
});

test('what is stored is read again, whatever it is, a member called __proto__ too', t => {
  const texts = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(texts, metadata => {
      t.deepEqual(
        Object.entries(decodeMetadata(encodeMetadata(metadata)) ?? {}).sort(),
        Object.entries(metadata).sort(),
      );
    }),
  );
  const odd = Object.fromEntries([['__proto__', 'x']]);
  t.deepEqual(Object.entries(decodeMetadata(encodeMetadata(odd)) ?? {}), [['__proto__', 'x']]);
});

test('a file in the original form is read, and what is none of its values is left out', t => {
  t.deepEqual(decodeMetadata('{"note":".","author":"YWRtaW4=","bad":"%%","number":5}'), {
    author: 'admin',
    note: '',
  });
  for (const text of ['', '[]', 'null', '{"a":', '"x"']) t.is(decodeMetadata(text), undefined);
  t.deepEqual(
    metadataOfProperties({
      'io.dotmesh:meta-author': 'YWRtaW4=',
      'io.dotmesh:meta-note': '',
      'other:meta-x': 'eA==',
    }),
    { author: 'admin', note: '' },
  );
});

test('the time of a commit is later than that of the one before, whatever the clock says', t => {
  t.is(timestampAfter(1_700_000_000_000, undefined), '1700000000000000000');
  t.is(timestampAfter(1_700_000_000_000, '1700000000000000000'), '1700000000000000001');
  t.is(timestampAfter(1_700_000_000_000, '1800000000000000000'), '1800000000000000001');
  t.is(timestampAfter(1_700_000_000_000, 'yesterday'), '1700000000000000000');
});

test('tags print and parse to themselves, and what is none is left out', t => {
  const tags = [
    { name: 'v1', since: 5n },
    { name: 'V-2_x', since: 1_700_000_000_000_000_000n },
  ];
  t.deepEqual(parseTags(formatTags(tags)), tags);
  t.deepEqual(parseTags('a=1,b,=3,c=x,d=4=5,a b=1'), [{ name: 'a', since: 1n }]);
});

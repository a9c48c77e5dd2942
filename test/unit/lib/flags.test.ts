import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { type FlagSpec, parseFlags } from '../../../src/lib/flags.ts';

const specs: FlagSpec[] = [
  { name: 'dot', type: 'string', help: '' },
  { name: 'storage-device', aliases: ['zpool-device'], type: 'list', value: 'DEVICE', help: '' },
  { name: 'oneshot', type: 'boolean', help: '' },
  { name: 'help', aliases: ['h'], type: 'boolean', help: '' },
];
const codeOf = (argv: string[]): string => {
  try {
    parseFlags(argv, specs);
    return 'no error';
  } catch (error) {
    return (error as DmError).code;
  }
};

test('a single dash before a long name is read as Go reads it', t => {
  const flags = parseFlags(['-dot=test', '-oneshot', '-storage-device', '/dev/sdb'], specs);
  t.is(flags.strings.get('dot'), 'test');
  t.true(flags.booleans.has('oneshot'));
  t.deepEqual(flags.lists.get('storage-device'), ['/dev/sdb']);
});

test('a value that looks like a number stays text', t => {
  t.is(parseFlags(['--dot=007'], specs).strings.get('dot'), '007');
});

test('a list is repeatable, comma-separated, and its aliases add to it', t => {
  const flags = parseFlags(['--storage-device=a,b', '--zpool-device', 'c'], specs);
  t.deepEqual(flags.lists.get('storage-device'), ['a', 'b', 'c']);
});

test('a boolean takes =true and =false, and nothing else', t => {
  t.true(parseFlags(['--oneshot=true'], specs).booleans.has('oneshot'));
  t.false(parseFlags(['--oneshot=false'], specs).booleans.has('oneshot'));
  t.is(codeOf(['--oneshot=maybe']), 'BAD_BOOLEAN');
});

test('an unknown flag is refused and the nearest known one is named', t => {
  const error = t.throws(() => parseFlags(['--stroage-device=/dev/sdb'], specs), { instanceOf: DmError });
  t.is(error.code, 'UNKNOWN_FLAG');
  t.regex(error.hint ?? '', /--storage-device/);
});

test('a flag without its value is refused', t => {
  t.is(codeOf(['--dot=']), 'MISSING_VALUE');
  t.is(codeOf(['--dot']), 'MISSING_VALUE');
});

test('a flag given twice with different values is refused, with the same value it is not', t => {
  t.is(codeOf(['--dot=a', '--dot=b']), 'REPEATED_FLAG');
  t.is(codeOf(['--dot=a', '--dot=a']), 'no error');
});

test('what is no flag, or stands after --, is handed on as it is', t => {
  t.deepEqual(parseFlags(['stop', '--', '-dot=x'], specs).rest, ['stop', '-dot=x']);
});

const texts: FlagSpec[] = [
  { name: 'message', aliases: ['m'], type: 'string', freeText: true, help: '' },
  { name: 'metadata', aliases: ['d'], type: 'texts', freeText: true, help: '' },
];
for (const argv of [
  ['-m', '-d is a flag, --', '-d', 'a=1,b', '--metadata=c='],
  ['-m=-d is a flag, --', '-da=1,b', '-metadata', 'c='],
  ['--message', '-d is a flag, --', '--metadata', 'a=1,b', '-d=c='],
]) {
  test(`a free text may begin with a dash and stays whole: ${JSON.stringify(argv)}`, t => {
    const { strings, lists, rest } = parseFlags([...argv, 'x', '--', '-m'], texts);
    t.deepEqual([strings.get('message'), lists.get('metadata')], ['-d is a flag, --', ['a=1,b', 'c=']]);
    t.deepEqual(rest, ['x', '-m']);
  });
}

test('a free text may be empty', t => {
  t.is(parseFlags(['-m', ''], texts).strings.get('message'), '');
  t.is(parseFlags(['-m'], texts).strings.get('message'), '');
});

import test from 'ava';
import fc from 'fast-check';
import { commonest, filesystemsFrom } from '../../../src/zfs/filesystems.ts';
import { framed, type Row } from '../../../src/zfs/framed.ts';
import { parseNumbers, sizesFrom } from '../../../src/zfs/sizes.ts';

const print = ({ name, property, source, value }: Row) => `${name}\t${property}\t${source}\t${value}`;

test('framed values come back whole, whatever rows they imitate', t => {
  const frame = 'dm-linuxkit:frame-0123';
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\np/b\tx:y\tlocal\tforged\n', '\n', 'p/a\tx:z\tlocal\tforged', ''),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(values, values), { minLength: 1, maxLength: 4 }), table => {
      const rows = table.flatMap(([first, second], at) => [
        { name: `p/${at}`, property: 'x:y', source: 'local', value: first },
        { name: `p/${at}`, property: 'x:z', source: 'local', value: second },
      ]);
      const groups = rows.flatMap((row, at) => [
        ...(at % 2 === 0 ? [`${row.name}\t${frame}\t-\t-`] : []),
        print(row),
        `${row.name}\t${frame}\t-\t-`,
      ]);
      t.deepEqual(framed(['x:y', 'x:z'], frame).parse(groups.join('\n')), rows);
    }),
  );
  t.not(framed([]).list, framed([]).list, 'the frame can not be foreseen');
});

test('of the names of metadata the commonest are asked for, however many a stranger brings', t => {
  const real = ['p/a@1', 'p/a@2', 'p/b@1'].map(name => `${name}\tio.dotmesh:meta-message`);
  const strange = Array.from({ length: 500 }, (_, at) => `p/c@1\ta:${at}`);
  const native = ['p/a\tdm-linuxkit:name', 'p/a@1\tquota'];
  const asked = commonest([...strange, ...real, ...native].join('\n'));
  t.is(asked.length, 64);
  t.is(asked[0], 'io.dotmesh:meta-message');
  t.false(asked.includes('dm-linuxkit:name'));
});

test('filesystems come parents first, with local properties only, without snapshots and volumes', t => {
  const of = (name: string, property: string, value: string, source = '-') => ({
    name,
    property,
    source,
    value,
  });
  const rows = [
    of('p/a/b', 'mountpoint', '/b'),
    of('p/a/b', 'origin', 'p/x@1'),
    of('p/a@1', 'x:y', '1', 'local'),
    of('p/vol', 'mountpoint', '-'),
    of('p/a', 'mountpoint', '/a'),
    of('p/a', 'origin', '-'),
    of('p/a', 'x:y', 'theirs', 'received'),
    of('p/a/b', 'x:y', '1', 'inherited from p/a'),
    of('p/a/b', 'x:z', 'ours', 'local'),
  ];
  const listed = filesystemsFrom(rows, [{ source: 'p/a' }, { source: 'p/vol' }]);
  t.deepEqual(
    listed.map(each => each.name),
    ['p/a', 'p/a/b'],
  );
  t.like(listed[0], { mounted: true, origin: undefined, properties: {} });
  t.like(listed[1], { mounted: false, origin: 'p/x@1', properties: { 'x:z': 'ours' } });
});

test('where ZFS does not tell what was written, growth and what the newest snapshot alone holds stand for it', t => {
  const row = (name: string, values: Record<string, string | number>) =>
    Object.entries(values).map(([property, value]) => `${name}\t${property}\t${value}`);
  const text = [
    ...row('p/a', { type: 'filesystem', referenced: 1500, used: 0, createtxg: 1 }),
    ...row('p/a@new', { type: 'snapshot', referenced: 1000, used: 200, createtxg: 9 }),
    ...row('p/a@old', { type: 'snapshot', referenced: 10, used: 5, createtxg: 5 }),
    ...row('p/shrunk', { type: 'filesystem', referenced: 100, used: 0, createtxg: 1 }),
    ...row('p/shrunk@s', { type: 'snapshot', referenced: 1000, used: 900, createtxg: 2 }),
    ...row('p/none', { type: 'filesystem', referenced: 100, used: 0, createtxg: 1 }),
    ...row('p/told', { type: 'filesystem', referenced: 100, written: 7 }),
    ...row('p/told@s', { type: 'snapshot' }),
  ].join('\n');
  t.deepEqual(
    [...sizesFrom(parseNumbers(text))],
    [
      ['p/a', { referenced: 1500, dirty: 700 }],
      ['p/shrunk', { referenced: 100, dirty: 900 }],
      ['p/none', { referenced: 100, dirty: 0 }],
      ['p/told', { referenced: 100, dirty: 7 }],
    ],
  );
});

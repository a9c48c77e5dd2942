import test from 'ava';
import fc from 'fast-check';
import { PROPERTY } from '../../../src/model/layout.ts';
import { bench, ref } from '../../helpers/workshop.ts';

const name = fc.constantFrom('a', 'b', '_c');
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose', 'down', 'up', 'restart') }) },
);

const runs = process.env.FULL ? 400 : 100;

test('whatever is created and deleted, and whenever etcd is lost or away, what is listed is what ZFS has', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
      const b = await bench();
      try {
        let workshop = await b.start();
        const expected = new Map<string, string>();
        for (const one of steps) {
          const caller = workshop.users.admin();
          if (one.do === 'create' && 'name' in one) {
            const made = await workshop.dots.create(caller, ref(one.name)).catch(() => undefined);
            t.is(made === undefined, expected.has(one.name));
            if (made !== undefined) expected.set(one.name, made);
          } else if (one.do === 'delete' && 'name' in one) {
            const wentWell = await workshop.dots.delete(caller, ref(one.name)).then(
              () => true,
              () => false,
            );
            t.is(wentWell, expected.delete(one.name));
          } else if (one.do === 'lose') b.etcd.wipe();
          else if (one.do === 'restart') {
            await workshop.close();
            workshop = await b.start();
          } else b.etcd.down = one.do === 'down';

          const listed = (await workshop.dots.list(caller)).map(dot => [dot.Name.Name, dot.Id]);
          const onDisk = [...b.fake.datasets.values()]
            .filter(dataset => dataset.name.startsWith('tank/dmfs/'))
            .map(dataset => [dataset.properties[PROPERTY.name], dataset.properties[PROPERTY.dot]]);
          t.deepEqual(listed.sort(), [...expected].sort());
          t.deepEqual(onDisk.sort(), [...expected].sort());
        }
        b.etcd.down = false;
        await workshop.close();
        await (await b.start()).close();
        const indexed = await b.etcd.list('dotmesh.io/registry/filesystems/admin/');
        t.deepEqual(indexed.map(one => JSON.parse(one.value).Id).sort(), [...expected.values()].sort());
      } finally {
        await b.remove();
      }
    }),
    { numRuns: runs },
  );
});

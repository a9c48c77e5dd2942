import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { PROPERTY } from '../../../src/model/layout.ts';
import { admin, bench, ref, stranger } from '../../helpers/workshop.ts';

async function ready(t: { teardown(fn: () => Promise<void>): void }) {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  const caller = admin(workshop);
  const id = await workshop.dots.create(caller, ref('shop'));
  return { b, workshop, caller, id };
}

test('a fork is a dot of its own with the same commits, also after a new start', async t => {
  const { b, workshop, caller, id } = await ready(t);
  const commit = b.fake.taken[0]?.id;
  const fork = await workshop.dots.fork(caller, id, ref('copy'));
  t.not(fork, id);
  const shown = {
    Id: fork,
    Name: ref('copy'),
    CommitCount: 1,
    ForkParentId: id,
    ForkParentSnapshotId: commit,
  };
  t.like(await workshop.dots.get(caller, fork), shown);
  await workshop.close();
  b.etcd.wipe();
  const second = await b.start();
  t.like(await second.dots.get(caller, fork), shown);
  await second.dots.delete(caller, ref('shop'));
  t.like(await second.dots.get(caller, fork), shown);
  await second.close();
});

test('what can not be forked is refused before anything is copied', async t => {
  const { b, workshop, caller, id } = await ready(t);
  const refused = async (work: Promise<string>, message: string) => t.throwsAsync(work, { message });
  const { dots } = workshop;
  await refused(
    dots.fork(caller, id, ref('shop')),
    `A volume called admin/shop already exists with id ${id}`,
  );
  await refused(dots.fork(caller, id, ref('x', 'nobody')), 'Unable to locate owner nobody.');
  await t.throwsAsync(dots.fork(caller, id, ref('a.b')), { code: 'INVALID_NAME' });
  await refused(
    dots.fork(caller, 'none', ref('x')),
    'Unable to find user-facing filesystemName, cloneName for filesystem id none',
  );
  await t.throwsAsync(dots.fork(stranger, id, ref('x')), { code: 'NOT_ADMIN' });
  t.false(b.fake.commands.some(command => command.startsWith('copy')));
  await workshop.close();
});

for (const step of ['copy', 'set', 'rename']) {
  test(`a fork cut at ${step} leaves nothing that is listed, and nothing at all after a start`, async t => {
    const { b, workshop, caller, id } = await ready(t);
    b.fake.fail.set(step, new DmError('zfs', 'ZFS_FAILED', 'cut'));
    b.fake.fail.set('destroy', new DmError('zfs', 'ZFS_FAILED', 'cut'));
    await t.throwsAsync(workshop.dots.fork(caller, id, ref('copy')), { message: 'cut' });
    t.is((await workshop.dots.list(caller)).length, 1);
    b.fake.fail.clear();
    // What a power cut leaves.
    b.fake.add('tank/dm-incoming/half', {
      properties: { [PROPERTY.name]: 'half', [PROPERTY.namespace]: 'admin' },
    });
    await workshop.close();
    const second = await b.start();
    t.is((await second.dots.list(caller)).length, 1);
    t.deepEqual(
      [...b.fake.datasets.keys()].filter(name => name.startsWith('tank/dm-incoming/')),
      [],
    );
    await second.dots.fork(caller, id, ref('copy'));
    await second.close();
  });
}

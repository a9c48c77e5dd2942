import test from 'ava';
import type { Caller } from '../../../src/dots/index.ts';
import { bench, ref } from '../../helpers/workshop.ts';

async function shop(t: { teardown(fn: () => Promise<void>): void }) {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  const caller = async (Name: string): Promise<Caller> => {
    const user = await workshop.users.register({ Name, Email: `${Name}@x`, Password: `${Name}-password` });
    return { user, by: 'password', apiKey: undefined };
  };
  const eve = await caller('eve');
  const bob = await caller('bob');
  const id = await workshop.dots.create(eve, ref('shop', 'eve'));
  return { b, workshop, eve, bob, id, at: { ...ref('shop', 'eve'), Branch: '' } };
}

test('a dot that one may not read is as if it were not there, by every way', async t => {
  const { workshop, bob, id } = await shop(t);
  const { dots, sharing } = workshop;
  for (const Name of ['shop', 'none']) {
    for (const Branch of ['', 'b1']) {
      const at = { ...ref(Name, 'eve'), Branch };
      t.is(dots.exists(bob, at), '');
      t.throws(() => dots.lookup(bob, at), { message: `No such filesystem named 'eve/${Name}'` });
    }
    await t.throwsAsync(dots.delete(bob, ref(Name, 'eve')), {
      message: `You are not the owner of volume eve/${Name}. Only the owner can delete it.`,
    });
  }
  await t.throwsAsync(dots.get(bob, id), { message: 'Permission denied.' });
  await t.throwsAsync(sharing.add(bob, id, 'bob'), { message: `No known filesystem with id ${id}` });
  t.deepEqual(await sharing.dotsAndBranches(bob), []);
  await workshop.close();
});

test('a collaborator reads the dot until removed; it outlives the server and the loss of etcd', async t => {
  const { b, workshop, eve, bob, id, at } = await shop(t);
  await workshop.sharing.add(eve, id, 'bob@x');
  await workshop.sharing.add(eve, id, bob.user.Id);
  t.is(workshop.dots.lookup(bob, at), id);
  await workshop.close();
  b.etcd.wipe();
  const { dots, sharing, close } = await b.start();
  t.is(dots.exists(bob, at), id);
  const record = (await b.etcd.get('dotmesh.io/registry/filesystems/eve/shop')) ?? '';
  t.deepEqual(JSON.parse(record).CollaboratorIds, [bob.user.Id]);
  const [dot] = await sharing.dotsAndBranches(bob);
  t.like(dot, { MasterBranch: { Id: id }, OtherBranches: null, Owner: { Name: 'eve' } });
  t.deepEqual(dot?.Collaborators, [bob.user]);
  await t.throwsAsync(sharing.add(bob, id, 'admin'), {
    message: 'Not owner. Please ask the owner to add the collaborator.',
  });
  await t.throwsAsync(dots.delete(bob, ref('shop', 'eve')), { code: 'NOT_OWNER' });
  await sharing.remove(eve, id, 'bob');
  t.is(dots.exists(bob, at), '');
  await close();
});

test("sharing that can not be is refused in the original's words", async t => {
  const { b, workshop, eve, id } = await shop(t);
  const { sharing } = workshop;
  const refused = (work: Promise<void>, message: string) => t.throwsAsync(work, { message });
  await refused(sharing.add(eve, id, 'nobody'), 'User name=nobody not found');
  await refused(sharing.remove(eve, id, 'eve'), 'You cannot remove yourself as a collaborator from a dot.');
  await refused(sharing.remove(eve, id, 'bob'), 'bob is not a collaborator on this dot so cannot remove.');
  await refused(sharing.remove(eve, 'none', 'bob'), 'No known filesystem with id none');
  await workshop.close();
  b.fake.add('tank/dmfs/branch', {
    origin: `tank/dmfs/${id}@${b.fake.taken[0]?.id}`,
    properties: {
      'dm-linuxkit:namespace': 'eve',
      'dm-linuxkit:name': 'shop',
      'dm-linuxkit:branch': 'b1',
      'dm-linuxkit:dot': id,
    },
  });
  const second = await b.start();
  await refused(
    second.sharing.add(eve, 'branch', 'bob'),
    'Please add collaborators to the master branch of the dot',
  );
  await refused(
    second.sharing.remove(eve, 'branch', 'bob'),
    'Please remove collaborators from the master branch of the dot',
  );
  const [dot] = await second.sharing.dotsAndBranches(eve);
  t.deepEqual(
    dot?.OtherBranches?.map(branch => branch.Branch),
    ['b1'],
  );
  await second.close();
});

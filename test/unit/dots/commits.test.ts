import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import {
  admin,
  type Bench,
  branchRef,
  commitParams,
  growParams,
  ref,
  stranger,
  withShop,
} from '../../helpers/workshop.ts';

const files = (root: string) => readdir(join(root, 'dotmesh.metadata'));
const taken = (b: Bench) => b.fake.taken.map(({ id }) => id);

test('a commit has what its author gave, in a file that the snapshot holds', async t => {
  const { b, workshop, caller, root, id } = await withShop(t);
  const given = { Metadata: { note: '', ключ: 'Значение' } };
  const commit = await workshop.commits.commit(
    { ...caller, login: 'me@x' },
    commitParams('shop', 'first', given),
  );
  t.regex(commit, /^[0-9a-f-]{36}$/);
  const held = JSON.parse(
    await readFile(join(`${root}.at-${commit}`, 'dotmesh.metadata', `${commit}.json`), 'utf8'),
  );
  t.is(held.note, '.');
  t.is(Buffer.from(held.author, 'base64').toString(), 'me@x');
  const [initial, made] = await workshop.commits.list(caller, branchRef('shop'));
  t.like(initial, { Metadata: { type: 'dotmesh.initial' } });
  const { timestamp = '', ...metadata } = made?.Metadata ?? {};
  t.deepEqual(metadata, { author: 'me@x', message: 'first', note: '', ключ: 'Значение' });
  t.true(BigInt(timestamp) > BigInt(initial?.Metadata.timestamp ?? 0));
  t.is((await workshop.dots.get(caller, id)).CommitCount, 2);
  t.deepEqual(taken(b), [initial?.Id, commit]);
  await workshop.close();
});

test('a commit starts no process but the one that makes it, however many there are', async t => {
  const { b, workshop, caller } = await withShop(t);
  await workshop.commits.commit(caller, commitParams('shop', 'one'));
  b.fake.commands.length = 0;
  await workshop.commits.commit(caller, commitParams('shop', 'two'));
  // The fake can not mount: a real dot is found mounted in the kernel's table.
  t.deepEqual(
    b.fake.commands.filter(one => !one.startsWith('mount ')).map(one => one.split(' ')[0]),
    ['snapshot'],
  );
  await workshop.close();
});

test('commits at once all succeed, and their times rise', async t => {
  const { workshop, caller } = await withShop(t);
  const ids = await Promise.all(
    Array.from({ length: 8 }, (_, at) => workshop.commits.commit(caller, commitParams('shop', `${at}`))),
  );
  const listed = await workshop.commits.list(caller, branchRef('shop'));
  t.deepEqual(
    listed
      .slice(1)
      .map(({ Id }) => Id)
      .sort(),
    [...ids].sort(),
  );
  const times = listed.map(({ Metadata }) => BigInt(Metadata.timestamp ?? 0));
  t.deepEqual([...new Set(times)].sort(), times);
  await workshop.close();
});

test('an id that was asked for is taken once in a dot, also across its branches', async t => {
  const { b, workshop, caller, root } = await withShop(t);
  const mine = { Metadata: { '#commit-id': 'mine' } };
  t.is(await workshop.commits.commit(caller, commitParams('shop', 'x', mine)), 'mine');
  await workshop.branches.create(caller, growParams('shop', 'side'));
  for (const Branch of ['', 'side']) {
    await t.throwsAsync(workshop.commits.commit(caller, commitParams('shop', 'y', { ...mine, Branch })), {
      message: 'There is a commit mine in admin/shop already.',
    });
  }
  t.is(taken(b).length, 2);
  t.is((await files(root)).length, 2);
  await workshop.close();
});

for (const step of ['snapshot', 'file']) {
  test(`a commit without space (at the ${step}) says so and leaves nothing`, async t => {
    const { b, workshop, caller, root } = await withShop(t);
    const full = new DmError('zfs', 'NO_SPACE', 'out of space');
    if (step === 'snapshot') b.fake.fail.set('snapshot', full);
    // A directory of that name stands for a file that can not be written.
    else await mkdir(join(root, 'dotmesh.metadata', 'mine.json'));
    const params = commitParams('shop', 'x', { Metadata: { '#commit-id': 'mine' } });
    const error = await t.throwsAsync(workshop.commits.commit(caller, params));
    if (step === 'snapshot') {
      t.is((error as DmError).code, 'NO_SPACE');
      t.regex(error?.message ?? '', /^There is no space for a commit of admin\/shop/);
      t.is((await files(root)).length, 1);
    }
    t.is(taken(b).length, 1);
    t.is((await workshop.commits.list(caller, branchRef('shop'))).length, 1);
    await workshop.close();
  });
}

test('a file that a cut left behind is replaced by that of the commit', async t => {
  const { workshop, caller, root } = await withShop(t);
  await writeFile(join(root, 'dotmesh.metadata', 'mine.json'), 'half');
  const mine = { Metadata: { '#commit-id': 'mine' } };
  await workshop.commits.commit(caller, commitParams('shop', 'whole', mine));
  await workshop.close();
  t.is((await workshop.commits.list(caller, branchRef('shop')))[1]?.Metadata.message, 'whole');
});

test('metadata is read again after a start, from files, else from properties, else there is none', async t => {
  const { b, workshop, caller, root } = await withShop(t);
  const ids: string[] = [];
  for (const message of ['one', 'two', 'three', 'four']) {
    ids.push(await workshop.commits.commit(caller, commitParams('shop', message)));
  }
  await workshop.close();
  const file = (at: number) => join(root, 'dotmesh.metadata', `${ids[at]}.json`);
  await rm(file(1));
  const old = b.fake.taken.find(({ id }) => id === ids[1]);
  if (old) old.properties = { 'io.dotmesh:meta-message': Buffer.from('of old').toString('base64') };
  await rm(file(2));
  await symlink('/etc/hostname', file(2));
  await writeFile(file(3), 'no JSON');
  const again = await b.start();
  const listed = await again.commits.list(caller, branchRef('shop'));
  t.deepEqual(
    listed.slice(1).map(({ Metadata }) => Metadata.message),
    ['one', 'of old', undefined, undefined],
  );
  b.fake.commands.length = 0;
  t.deepEqual(await again.commits.list(caller, branchRef('shop')), listed);
  t.deepEqual(b.fake.commands, [], 'a commit never changes: it is read once');
  const made = await again.commits.commit(caller, commitParams('shop', 'later'));
  const times = (await again.commits.list(caller, branchRef('shop'))).map(one => [
    one.Id,
    one.Metadata.timestamp,
  ]);
  t.is(times.at(-1)?.[0], made);
  await again.close();
});

test('a directory of metadata that leads elsewhere is not followed', async t => {
  const { b, workshop, caller, root } = await withShop(t);
  await rm(join(root, 'dotmesh.metadata'), { recursive: true });
  const elsewhere = join(b.directory, 'elsewhere');
  await mkdir(elsewhere);
  await symlink(elsewhere, join(root, 'dotmesh.metadata'));
  await t.throwsAsync(workshop.commits.commit(caller, commitParams('shop', 'x')), {
    code: 'METADATA_NOT_DIRECTORY',
  });
  t.deepEqual(await readdir(elsewhere), []);
  t.is(taken(b).length, 1);
  await workshop.close();
});

test('who is neither owner nor collaborator neither reads nor writes', async t => {
  const { b, workshop, id } = await withShop(t);
  const at = branchRef('shop');
  const tries = [
    () => workshop.commits.commit(stranger, commitParams('shop', 'x')),
    () => workshop.commits.list(stranger, at),
    () => workshop.commits.history(stranger, at),
    () => workshop.commits.tag(stranger, { ...at, CommitId: taken(b)[0] ?? '', Tag: 'v' }),
    () => workshop.commits.untag(stranger, { ...ref('shop'), Tag: 'v' }),
    () => workshop.commits.previewRollback(stranger, { ...at, SnapshotId: taken(b)[0] ?? '' }),
    () => workshop.commits.rollback(stranger, { ...at, SnapshotId: taken(b)[0] ?? '' }),
    () => workshop.branches.create(stranger, growParams('shop', 'b')),
    async () => workshop.branches.list(stranger, ref('shop')),
    () => workshop.branches.renameDot(stranger, { ...ref('shop'), NewNamespace: 'admin', NewName: 'mine' }),
  ];
  for (const one of tries) await t.throwsAsync(one(), { code: 'DOT_MISSING' }, String(one));
  await t.throwsAsync(workshop.commits.listById(stranger, id), { message: 'Permission denied.' });
  await t.throwsAsync(workshop.commits.listById(admin(workshop), 'nobody'), {
    message: 'No such filesystem id nobody',
  });
  await workshop.close();
});

import { mkdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { admin, bench, mountParams, ref } from '../../helpers/workshop.ts';

async function ready(t: ExecutionContext) {
  const b = await bench();
  t.teardown(b.remove);
  const workshop = await b.start();
  t.teardown(() => workshop.close());
  const id = await workshop.dots.create(admin(workshop), ref('db'));
  return { ...b, workshop, dots: workshop.dots, id, root: join(b.directory, 'mnt/dmfs', id) };
}

const me = `${process.getuid?.()}:${process.getgid?.()}`;
const modeOf = async (path: string) => (await stat(path)).mode & 0o7777;

test('the empty default subdot gets owner and mode at its first preparation and never again', async t => {
  const { dots, root } = await ready(t);
  const prepared = await dots.prepareMount(mountParams('db', { Owner: me, Mode: '0700' }));
  t.like(prepared, { Subdot: '__default__', Path: join(root, '__default__'), Fault: '' });
  t.is(await modeOf(prepared.Path), 0o700);
  await dots.prepareMount(mountParams('db', { Mode: '0755' }));
  t.is(await modeOf(prepared.Path), 0o700);
});

test('a default subdot that holds files is not given to anybody', async t => {
  const { dots, root } = await ready(t);
  await writeFile(join(root, '__default__', 'PG_VERSION'), '15');
  await dots.prepareMount(mountParams('db', { Mode: '0700' }));
  t.is(await modeOf(join(root, '__default__')), 0o777);
});

test('another subdot is made once, 0777 unless said otherwise, also when a cut left a part of it', async t => {
  const { dots, root } = await ready(t);
  await mkdir(join(root, '.dm-new-redis'));
  const redis = await dots.prepareMount(mountParams('db', { Subdot: 'redis', Mode: '0750' }));
  t.is(await modeOf(redis.Path), 0o750);
  await dots.prepareMount(mountParams('db', { Subdot: 'redis', Mode: '0700' }));
  t.is(await modeOf(redis.Path), 0o750);
  const plain = await dots.prepareMount(mountParams('db', { Subdot: 'plain' }));
  t.is(await modeOf(plain.Path), 0o777);
});

test('a subdot that is a link, or a file, is not followed out of the dot', async t => {
  const { dots, workshop, root, directory } = await ready(t);
  await symlink(directory, join(root, 'link'));
  await writeFile(join(root, 'file'), '');
  for (const Subdot of ['link', 'file']) {
    await t.throwsAsync(dots.prepareMount(mountParams('db', { Subdot })), { code: 'SUBDOT_NOT_DIRECTORY' });
    await t.throwsAsync(dots.procure(admin(workshop), { ...ref('db'), Subdot }), {
      code: 'SUBDOT_NOT_DIRECTORY',
    });
  }
  t.deepEqual(await dots.mounts(), []);
});

for (const bad of [
  { Owner: 'root' },
  { Owner: '1:' },
  { Owner: '4294967295' },
  { Owner: '1:2:3' },
  { Mode: '888' },
  { Mode: '07777777' },
  { Mountpoint: 'relative' },
  { Mountpoint: '/a\0b' },
]) {
  test(`${JSON.stringify(bad)} is refused before anything is made`, async t => {
    const { dots, fake } = await ready(t);
    fake.commands.length = 0;
    await t.throwsAsync(dots.prepareMount(mountParams('db', bad)), { code: 'INVALID_MOUNT' });
    t.deepEqual(fake.commands, []);
  });
}

test('recorded mounts come back after a restart, each ready or with its fault, until they are forgotten', async t => {
  const b = await bench();
  t.teardown(b.remove);
  const first = await b.start();
  const lost = await first.dots.create(admin(first), ref('lost'));
  await first.dots.create(admin(first), ref('db'));
  await first.dots.prepareMount(mountParams('db', { Mountpoint: '/var/lib//postgres/' }));
  await first.dots.prepareMount(mountParams('lost', { Mountpoint: '/srv/lost' }));
  await first.close();
  b.fake.drop(`tank/dmfs/${lost}`);

  const second = await b.start();
  b.fake.commands.length = 0;
  const mounts = await second.dots.mounts();
  t.like(mounts, [
    { Mountpoint: '/var/lib/postgres', Name: 'db', Fault: '' },
    { Mountpoint: '/srv/lost', FilesystemId: lost, Path: '' },
  ]);
  t.regex(mounts[1]?.Fault ?? '', /not there any more/);
  t.is(b.fake.commands.filter(command => command.startsWith('mount')).length, 1);
  await second.dots.forgetMount('/srv/lost');
  await second.dots.forgetMount('/srv/lost');
  t.is((await second.dots.mounts()).length, 1);
  await second.close();
});

test('procuring makes a missing dot; its link stays where a checkout moved it, and leaves what is gone', async t => {
  const { dots, workshop, directory } = await ready(t);
  const caller = admin(workshop);
  const link = join(directory, 'container_mnt/admin/new');
  t.is(await dots.procure(caller, { ...ref('new@master'), Subdot: '' }), link);
  const id = dots.lookup(admin(workshop), { ...ref('new'), Branch: '' });
  t.is(await readlink(link), join(directory, 'mnt/dmfs', id));
  await t.throwsAsync(dots.procure(caller, { ...ref('new@b1'), Subdot: '' }), { code: 'BRANCH_MISSING' });
  await t.throwsAsync(dots.procure(caller, { ...ref('a@b@c'), Subdot: '' }), {
    message: 'invalid volume name: a@b@c',
  });
  await t.throwsAsync(dots.procure(caller, { ...ref('new'), Subdot: '../x' }), {
    message: /invalid subdot name/,
  });
});

test('a link to a dot that had the name before is made anew; something else than a link is an error', async t => {
  const { dots, workshop, directory } = await ready(t);
  const caller = admin(workshop);
  const links = join(directory, 'container_mnt/admin');
  await mkdir(join(directory, 'mnt/dmfs/old'), { recursive: true });
  await mkdir(links, { recursive: true });
  await symlink(join(directory, 'mnt/dmfs/old'), join(links, 'db'));
  await dots.procure(caller, { ...ref('db'), Subdot: '' });
  t.is(
    await readlink(join(links, 'db')),
    join(directory, 'mnt/dmfs', dots.lookup(admin(workshop), { ...ref('db'), Branch: '' })),
  );
  await mkdir(join(links, 'other'));
  await t.throwsAsync(dots.procure(caller, { ...ref('other'), Subdot: '' }), {
    message: /contains something other than a symlink/,
  });
});

test('a dot whose dataset was destroyed behind our back is not there, and one that was renamed is found', async t => {
  const { dots, workshop, fake, id } = await ready(t);
  const dataset = `tank/dmfs/${id}`;
  const found = fake.datasets.get(dataset);
  fake.datasets.delete(dataset);
  fake.add('tank/dmfs/elsewhere', { ...found, name: 'tank/dmfs/elsewhere' });
  for (const snapshot of fake.taken) snapshot.filesystem = 'tank/dmfs/elsewhere';
  t.is((await dots.prepareMount(mountParams('db'))).FilesystemId, id);
  fake.drop('tank/dmfs/elsewhere');
  await t.throwsAsync(dots.prepareMount(mountParams('db')), {
    message: /^No such filesystem named 'admin\/db'/,
  });
  t.is(dots.exists(admin(workshop), { ...ref('db'), Branch: '' }), '');
  await dots.create(admin(workshop), ref('db'));
});

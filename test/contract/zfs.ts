/** What every implementation of `Zfs` keeps, run against the real ones and the one in memory. */

import type { TestFn } from 'ava';
import type { Zfs } from '../../src/zfs/index.ts';

export interface Subject {
  zfs: Zfs;
  /** A dataset that is there, of the test's own. */
  root: string;
  /** A mountpoint that may be used, one per name. */
  mountpoint(name: string): string;
  /** Writes so many bytes into a mounted filesystem and has them on disk. */
  write(name: string, bytes: number): Promise<void>;
}

export function zfsContract(test: TestFn, subject: () => Subject): void {
  const setUp = async (name: string, properties: Record<string, string> = {}) => {
    const { zfs, root, mountpoint, write } = subject();
    const path = `${root}/${name}`;
    await zfs.create(path, { mountpoint: mountpoint(name), atime: 'off', ...properties });
    return { zfs, root, path, write };
  };

  test.serial(
    'a filesystem is created unmounted, listed with its local properties, and destroyed',
    async t => {
      const { zfs, root, path } = await setUp('made', {
        'dm-linuxkit:name': 'app',
        'dm-linuxkit:dot': 'a\tb = "c" ü',
      });
      const listed = await zfs.filesystems(root);
      t.deepEqual(
        listed.map(each => each.name),
        [root, path],
      );
      const [, made] = listed;
      t.like(made, {
        origin: undefined,
        mounted: false,
        mountpoint: subject().mountpoint('made'),
        properties: { 'dm-linuxkit:name': 'app', 'dm-linuxkit:dot': 'a\tb = "c" ü' },
      });
      t.regex(made?.guid ?? '', /^\d{5,20}$/);
      t.deepEqual(await zfs.get(path, ['canmount', 'guid']), { canmount: 'noauto', guid: made?.guid ?? '' });
      await t.throwsAsync(zfs.create(path, {}), { code: 'DATASET_EXISTS' });
      await zfs.destroy(path);
      t.deepEqual(
        (await zfs.filesystems(root)).map(each => each.name),
        [root],
      );
    },
  );

  test.serial('what is not there is DATASET_MISSING, and an empty list', async t => {
    const { zfs, root } = subject();
    const missing = `${root}/missing`;
    t.deepEqual(await zfs.filesystems(missing), []);
    t.deepEqual(await zfs.snapshots(missing), []);
    t.deepEqual(await zfs.everything(missing), { filesystems: [], snapshots: [] });
    t.is((await zfs.sizes(missing)).size, 0);
    for (const act of [
      () => zfs.destroy(missing),
      () => zfs.set(missing, { 'dm-linuxkit:x': '1' }),
      () => zfs.get(missing, ['guid']),
      () => zfs.snapshot(missing, 's'),
      () => zfs.mount(missing),
      () => zfs.create(`${missing}/below`, {}),
    ]) {
      await t.throwsAsync(act, { code: 'DATASET_MISSING' });
    }
  });

  test.serial('properties are set and taken away', async t => {
    const { zfs, root, path } = await setUp('props');
    await zfs.set(path, { 'dm-linuxkit:name': '1', 'dm-linuxkit:dot': '2', 'other:b': '3' });
    await zfs.inherit(path, ['dm-linuxkit:name']);
    const found = (await zfs.filesystems(root)).find(each => each.name === path);
    t.deepEqual(found?.properties, { 'dm-linuxkit:dot': '2' });
    await zfs.destroy(path);
  });

  test.serial('a value that reads like a row about another dataset stays a value', async t => {
    const { zfs, root, path } = await setUp('forger');
    const victim = `${root}/victim`;
    await zfs.create(victim, { 'dm-linuxkit:name': 'true' });
    const row = `x\n${victim}\tdm-linuxkit:name\tlocal\tforged\n${victim}@s\tm:a\tlocal\tforged\ny`;
    await zfs.set(path, { 'dm-linuxkit:name': row });
    await zfs.snapshot(victim, 's', { 'm:a': 'true', 'm:b': 'true' });
    await zfs.snapshot(path, 's', { 'm:a': row, 'm:z': '1' });
    const names = (await zfs.filesystems(root)).map(each => each.properties['dm-linuxkit:name']);
    t.deepEqual(names, [undefined, row, 'true']);
    const [theirs, ours] = await zfs.snapshots(root, { metadata: true });
    t.deepEqual(theirs?.properties, { 'm:a': row, 'm:z': '1' });
    t.deepEqual(ours?.properties, { 'm:a': 'true', 'm:b': 'true' });
    await zfs.destroy(path);
    await zfs.destroy(victim);
  });

  test.serial(
    'snapshots come oldest first with guid and metadata, inherited properties are not theirs',
    async t => {
      const { zfs, root, path } = await setUp('snaps', { 'dm-linuxkit:name': 'app' });
      for (const id of ['c', 'a', 'b']) await zfs.snapshot(path, id, { 'io.dotmesh:meta-message': id });
      await t.throwsAsync(zfs.snapshot(path, 'a'), { code: 'DATASET_EXISTS' });
      const found = await zfs.snapshots(root, { metadata: true });
      t.deepEqual(
        found.map(each => [each.filesystem, each.id]),
        [
          [path, 'c'],
          [path, 'a'],
          [path, 'b'],
        ],
      );
      t.deepEqual(
        found.map(each => each.properties),
        ['c', 'a', 'b'].map(id => ({ 'io.dotmesh:meta-message': id })),
      );
      t.is(new Set(found.map(each => each.guid)).size, 3);
      t.deepEqual(await zfs.snapshots(path, { depth: 0, metadata: true }), found);
      t.deepEqual(
        await zfs.snapshots(path),
        found.map(each => ({ ...each, properties: {} })),
      );
      t.deepEqual(await zfs.snapshots(root, { depth: 0 }), []);
      t.deepEqual(await zfs.everything(root), {
        filesystems: await zfs.filesystems(root),
        snapshots: await zfs.snapshots(root),
      });
      await zfs.destroy(path);
    },
  );

  test.serial('sizes tell what was written since the newest snapshot, and nothing without one', async t => {
    const { zfs, root, path, write } = await setUp('sizes');
    await zfs.mount(path);
    const size = async () => (await zfs.sizes(root)).get(path) ?? { referenced: -1, dirty: -1 };
    await write(path, 2 ** 20);
    const first = await size();
    t.true(first.referenced >= 2 ** 20);
    t.is(first.dirty, 0);
    await zfs.snapshot(path, 'one');
    t.true((await size()).dirty < 2 ** 17);
    await write(path, 2 ** 20);
    const { dirty } = await size();
    t.true(dirty >= 2 ** 20 && dirty < 2 ** 21, `${dirty}`);
    await zfs.destroy(path);
  });

  test.serial(
    'a clone has its origin and its own properties from the start, and keeps its snapshot',
    async t => {
      const { zfs, root, path } = await setUp('source', { 'dm-linuxkit:name': 'app' });
      await zfs.snapshot(path, 'one');
      const clone = `${root}/cloned`;
      const properties = { 'dm-linuxkit:name': 'other', mountpoint: subject().mountpoint('cloned') };
      await t.throwsAsync(zfs.clone(`${path}@two`, clone, properties), { code: 'DATASET_MISSING' });
      await zfs.clone(`${path}@one`, clone, properties);
      await t.throwsAsync(zfs.clone(`${path}@one`, clone, properties), { code: 'DATASET_EXISTS' });
      const found = (await zfs.filesystems(root)).find(each => each.name === clone);
      t.like(found, {
        origin: `${path}@one`,
        mounted: false,
        mountpoint: properties.mountpoint,
        properties: { 'dm-linuxkit:name': 'other' },
      });
      t.is((await zfs.get(clone, ['canmount'])).canmount, 'noauto');
      await t.throwsAsync(zfs.destroy(path), { code: 'DATASET_HAS_DEPENDENTS' });
      await zfs.destroy(clone);
      await zfs.destroy(path);
    },
  );

  test.serial(
    'a rollback takes later snapshots along, and nothing at all when one of them has a clone',
    async t => {
      const { zfs, root, path, write } = await setUp('back');
      const ids = async () => (await zfs.snapshots(path)).map(each => each.id);
      await zfs.mount(path);
      await write(path, 2 ** 20);
      for (const id of ['one', 'two', 'three']) await zfs.snapshot(path, id);
      await write(path, 2 ** 20);
      await zfs.clone(`${path}@three`, `${root}/grown`, {});
      await t.throwsAsync(zfs.rollback(path, 'one'), { code: 'DATASET_HAS_DEPENDENTS' });
      t.deepEqual(await ids(), ['one', 'two', 'three']);
      await zfs.destroy(`${root}/grown`);
      await zfs.rollback(path, 'one');
      t.deepEqual(await ids(), ['one']);
      await zfs.settle(path);
      const size = (await zfs.sizes(root)).get(path);
      t.true((size?.dirty ?? -1) < 2 ** 17 && (size?.referenced ?? 0) < 2 ** 21, JSON.stringify(size));
      await t.throwsAsync(zfs.rollback(path, 'two'), { code: 'DATASET_MISSING' });
      await zfs.destroy(path);
    },
  );

  test.serial(
    'tags are set on a snapshot and taken away again, without making the filesystem dirty',
    async t => {
      const { zfs, root, path } = await setUp('tagged', { 'dm-linuxkit:tags': 'of the filesystem' });
      await zfs.snapshot(path, 'one');
      const tags = async () => (await zfs.snapshots(root)).map(each => each.tags);
      t.deepEqual(await tags(), ['']);
      await zfs.set(`${path}@one`, { 'dm-linuxkit:tags': 'v1=1' });
      t.deepEqual(await tags(), ['v1=1']);
      t.is((await zfs.everything(root)).snapshots[0]?.tags, 'v1=1');
      await zfs.settle(path);
      t.is((await zfs.sizes(root)).get(path)?.dirty, 0);
      await zfs.inherit(`${path}@one`, ['dm-linuxkit:tags']);
      t.deepEqual(await tags(), ['']);
      await t.throwsAsync(zfs.set(`${path}@two`, { 'dm-linuxkit:tags': 'x' }), { code: 'DATASET_MISSING' });
      await zfs.destroy(path);
    },
  );

  test.serial('mounting and unmounting twice is mounting and unmounting once', async t => {
    const { zfs, root, path } = await setUp('mounts');
    const mounted = async () => (await zfs.filesystems(root)).find(each => each.name === path)?.mounted;
    for (let round = 0; round < 2; round++) {
      await zfs.mount(path);
      await zfs.mount(path);
      t.true(await mounted());
      await zfs.unmount(path);
      await zfs.unmount(path);
      t.false(await mounted());
    }
    await zfs.mount(path);
    await zfs.destroy(path);
    t.deepEqual((await zfs.filesystems(path)).length, 0);
  });

  test.serial(
    'a snapshot is mounted beside its filesystem, found by another process, and taken away',
    async t => {
      const { zfs, root, path, write } = await setUp('views');
      await zfs.mount(path);
      await write(path, 1000);
      await zfs.snapshot(path, 's');
      const clones = `${root}/clones`;
      const mount = {
        snapshot: `${path}@s`,
        mountpoint: subject().mountpoint('view@s'),
        clone: `${clones}/v:s`,
      };
      await zfs.mountSnapshot(mount);
      await zfs.mountSnapshot(mount);
      const found = await zfs.snapshotMounts(root, clones);
      t.like(found, [{ snapshot: mount.snapshot, mountpoint: mount.mountpoint }]);
      for (const each of found) await zfs.unmountSnapshot(each);
      await zfs.unmountSnapshot(mount);
      t.deepEqual(await zfs.snapshotMounts(root, clones), []);
      await zfs.settle(root);
      const missing = { ...mount, snapshot: `${path}@none` };
      await t.throwsAsync(zfs.mountSnapshot(missing), { code: 'DATASET_MISSING' });
      for (const name of [path, clones]) {
        if ((await zfs.filesystems(name)).length > 0) await zfs.destroy(name);
      }
    },
  );

  test.serial(
    'a copy has the same snapshots, none of the properties, and gets its name in one step',
    async t => {
      const { zfs, root, path, write } = await setUp('copied', { 'dm-linuxkit:name': 'app' });
      await zfs.mount(path);
      for (const id of ['a', 'b', 'c']) {
        await write(path, 1000);
        await zfs.snapshot(path, id, { 'm:x': id });
      }
      const copy = `${root}/copy`;
      await zfs.copy(path, { first: 'a', last: 'b' }, copy);
      const shown = async (name: string) =>
        (await zfs.snapshots(name, { depth: 0, metadata: true })).map(({ id, guid, properties }) => {
          return { id, guid, properties };
        });
      const expected = (await shown(path)).slice(0, 2).map(each => ({ ...each, properties: {} }));
      t.deepEqual(await shown(copy), expected);
      await zfs.rename(copy, `${copy}2`);
      t.deepEqual(await shown(`${copy}2`), expected);
      const made = (await zfs.filesystems(`${copy}2`))[0];
      t.like(made, { mounted: false, origin: undefined, properties: {} });
      await t.throwsAsync(zfs.copy(path, { first: 'a', last: 'c' }, `${copy}2`), { code: 'DATASET_EXISTS' });
      await t.throwsAsync(zfs.copy(path, { first: 'none', last: 'none' }, copy), { code: 'DATASET_MISSING' });
      await zfs.destroy(`${copy}2`);
      await zfs.destroy(path);
    },
  );

  test.serial('a filesystem that others lie in is not destroyed', async t => {
    const { zfs, path } = await setUp('outer');
    await zfs.create(`${path}/inner`, {});
    await t.throwsAsync(zfs.destroy(path), { code: 'DATASET_HAS_DEPENDENTS' });
    await zfs.destroy(`${path}/inner`);
    await zfs.destroy(path);
  });

  test.serial('names and values that ZFS would choke on are refused before they are tried', async t => {
    const { zfs, root } = subject();
    for (const name of ['', '-x', `${root}/../x`, `${root}/a@`, `${root}//a`, `${root}/a\n`, `${root}/-rf`]) {
      await t.throwsAsync(zfs.create(name, {}), { code: 'INVALID_DATASET' }, name);
    }
    const long = { 'dm-linuxkit:x': 'x'.repeat(8192) };
    await t.throwsAsync(zfs.set(root, long), { code: 'INVALID_PROPERTY' });
    await t.throwsAsync(zfs.set(root, { 'dm-linuxkit:x': 'a\0b' }), { code: 'INVALID_PROPERTY' });
  });
}

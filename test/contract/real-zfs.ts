/** The contract and the mounts and pools behind it, on the ZFS of the machine that the test runs on. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { createLog } from '../../src/lib/log.ts';
import { bindMount, mountsAt, unmount } from '../../src/system/mounts.ts';
import { usersOf } from '../../src/system/processes.ts';
import { run } from '../../src/system/run.ts';
import { connectZfs } from '../../src/zfs/command-line.ts';
import type { Pools, Zfs } from '../../src/zfs/index.ts';
import { probeFiles } from '../../src/zfs/probe.ts';
import { zfsContract } from './zfs.ts';

const DISK_BYTES = 128 * 2 ** 20;

export function realZfsContract(test: TestFn): void {
  const pool = `zc-${process.env['DM_TEST'] ?? process.pid}`;
  let folder = '';
  let zfs: Zfs;
  let pools: Pools;
  const mountpoint = (name: string) => join(folder, 'mnt', name);
  const disk = async (name: string) => {
    const path = join(folder, name);
    await writeFile(path, '');
    await truncate(path, DISK_BYTES);
    return path;
  };

  test.before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'zc-')));
    const log = createLog({ name: 'test', level: 'silent', format: 'json' });
    ({ zfs, pools } = await connectZfs({ log }));
    await mkdir(join(folder, 'mnt'));
    await pools.create(pool, [await disk('disk')], { root: { canmount: 'noauto', atime: 'off' } });
  });

  test.after.always(async () => {
    for (const each of await pools.list()) {
      if (each.name.startsWith(pool)) await run(['zpool', 'destroy', each.name], { timeoutMs: 120_000 });
    }
    await rm(folder, { recursive: true });
  });

  zfsContract(test, () => ({
    zfs,
    root: pool,
    mountpoint,
    async write(name, bytes) {
      const file = await open(join(mountpoint(name.slice(pool.length + 1)), `f${Math.random()}`), 'w');
      await file.writeFile(Buffer.alloc(bytes, Math.random().toString(36)));
      await file.sync();
      await file.close();
      // OpenZFS counts what has reached the disk with its transaction group; zfs-fuse has no `zpool sync`.
      const argv: [string, ...string[]] = zfs.capabilities.userSpace ? ['sync'] : ['zpool', 'sync', pool];
      await run(argv, { timeoutMs: 120_000 });
    },
  }));

  async function mounted(name: string): Promise<string> {
    await zfs.create(`${pool}/${name}`, { mountpoint: mountpoint(name) });
    await zfs.mount(`${pool}/${name}`);
    return mountpoint(name);
  }

  test.serial('a mountpoint with files, or with another mount, is refused', async t => {
    const name = `${pool}/taken`;
    await zfs.create(name, { mountpoint: mountpoint('taken') });
    await mkdir(mountpoint('taken'));
    await writeFile(join(mountpoint('taken'), 'theirs'), '');
    await t.throwsAsync(zfs.mount(name), { code: 'MOUNTPOINT_TAKEN' });
    await rm(join(mountpoint('taken'), 'theirs'));
    await mkdir(mountpoint('source'));
    await bindMount(mountpoint('source'), mountpoint('taken'));
    await t.throwsAsync(zfs.mount(name), { code: 'MOUNTPOINT_TAKEN' });
    await unmount(mountpoint('taken'));
    await zfs.mount(name);
    await zfs.destroy(name);
  });

  test.serial('whoever uses a filesystem is named when it is to be unmounted or destroyed', async t => {
    const path = await mounted('used');
    const name = `${pool}/used`;
    const child = spawn('cat', [], { cwd: path });
    await once(child, 'spawn');
    t.deepEqual(await usersOf(path), [{ pid: child.pid ?? 0, command: 'cat' }]);
    const refused = await t.throwsAsync(zfs.unmount(name), { code: 'DATASET_BUSY' });
    t.like(refused, { data: { users: [{ pid: child.pid, command: 'cat' }] } });
    await t.throwsAsync(zfs.destroy(name), { code: 'DATASET_BUSY' });
    await t.throwsAsync(pools.export(pool), { code: 'POOL_BUSY' });
    t.is((await mountsAt(path)).length, 1);
    child.stdin.end();
    await once(child, 'exit');
    await zfs.destroy(name);
  });

  test.serial('a bind mount is found, keeps its dataset, and tells its own users from others', async t => {
    const path = await mounted('bound');
    const name = `${pool}/bound`;
    const sub = join(path, '__default__');
    const target = mountpoint('with space');
    await mkdir(sub);
    await mkdir(target);
    await bindMount(sub, target);
    t.like((await mountsAt(target))[0], { root: '/__default__', source: name, mountpoint: target });
    const child = spawn('cat', [], { cwd: target });
    await once(child, 'spawn');
    const busy = await t.throwsAsync(unmount(target), { code: 'UNMOUNT_BUSY' });
    t.like(busy, { data: { users: [{ pid: child.pid, command: 'cat' }] } });
    t.deepEqual(await usersOf(path), [{ pid: child.pid ?? 0, command: 'cat' }]);
    t.deepEqual(await usersOf(path, { scope: 'mount' }), []);
    child.stdin.end();
    await once(child, 'exit');
    const refused = await t.throwsAsync(zfs.destroy(name), { code: 'DATASET_BUSY' });
    t.deepEqual((refused as { data?: { mounts?: string[] } }).data?.mounts, [path, target]);
    await unmount(target);
    await unmount(target);
    await zfs.destroy(name);
  });

  test.serial('mounts that meet wait for each other', async t => {
    const names = ['m1', 'm2', 'm3', 'm4'].map(each => `${pool}/${each}`);
    for (const name of names) await zfs.create(name, { mountpoint: mountpoint(name.slice(pool.length + 1)) });
    await Promise.all(names.map(name => zfs.mount(name)));
    const found = await zfs.filesystems(pool);
    t.is(found.filter(each => each.mounted).length, 4);
    await Promise.all(names.map(name => zfs.unmount(name)));
    for (const name of names) await zfs.destroy(name);
  });

  test.serial('a clone names its origin, and its origin is not destroyed', async t => {
    await zfs.create(`${pool}/origin`, {});
    await zfs.snapshot(`${pool}/origin`, 's');
    await zfs.clone(`${pool}/origin@s`, `${pool}/clone`, {});
    const clone = (await zfs.filesystems(pool)).find(each => each.name === `${pool}/clone`);
    t.is(clone?.origin, `${pool}/origin@s`);
    await t.throwsAsync(zfs.destroy(`${pool}/origin`), { code: 'DATASET_HAS_DEPENDENTS' });
    await zfs.destroy(`${pool}/clone`);
    await zfs.destroy(`${pool}/origin`);
  });

  test.serial('a full quota is NO_SPACE', async t => {
    await t.throwsAsync(zfs.create(`${pool}/big`, { reservation: '1T' }), { code: 'NO_SPACE' });
  });

  test.serial('the probe passes where files answer, also where nothing can be written', async t => {
    const path = await mounted('probe');
    await probeFiles(path, 60_000);
    await probeFiles(join(path, 'missing'), 60_000);
    t.pass();
    await zfs.destroy(`${pool}/probe`);
  });

  test.serial('the probe finds a directory that does not answer', async t => {
    // No FIFO or lock blocks mktemp: a deadline that has passed stands for the hang.
    await t.throwsAsync(probeFiles(folder, 0), { code: 'ZFS_HUNG' });
  });

  test.serial('a pool is created, listed, read from its labels, exported, found and imported', async t => {
    const [one, two] = [await disk('one'), await disk('two')];
    const name = `${pool}-p`;
    const comment: Record<string, string> = pools.capabilities.poolComment ? { comment: 'dm-linuxkit' } : {};
    await pools.create(name, [one, two], { pool: comment, root: { 'dm-linuxkit:pool': 'dm-linuxkit' } });
    const found = (await pools.list()).find(each => each.name === name);
    t.like(found, { health: 'ONLINE', readonly: false });
    t.true((found?.sizeBytes ?? 0) > DISK_BYTES && (found?.freeBytes ?? 0) > DISK_BYTES);
    t.deepEqual(
      await pools.devices(name),
      [one, two].map(path => ({ path, state: 'ONLINE' })),
    );
    t.is((await zfs.filesystems(name))[0]?.properties['dm-linuxkit:pool'], 'dm-linuxkit');
    await t.throwsAsync(pools.create(name, [await disk('three')], {}), { code: 'POOL_CREATE_FAILED' });
    await t.throwsAsync(pools.create(`${name}2`, [one], {}), { code: 'DEVICE_IN_USE' });
    await pools.expand(name, one);

    await pools.export(name);
    await t.throwsAsync(pools.export(name), { code: 'POOL_MISSING' });
    const [label] = await pools.labels(one);
    t.like(label, { poolName: name, poolGuid: found?.guid, state: 1, vdevChildren: 2, paths: [one] });
    t.regex(label?.hostId ?? '', /^[0-9a-f]{8}$/);
    if (pools.capabilities.poolComment) t.is(label?.comment, 'dm-linuxkit');
    const [importable, ...others] = await pools.importable([one, two]);
    t.deepEqual(others, []);
    t.like(importable, { name, guid: found?.guid, state: 'ONLINE' });
    t.deepEqual(importable?.devices.map(each => each.path).sort(), [one, two]);
    await pools.import(name, { from: [one, two], guid: found?.guid ?? '' });
    t.is((await pools.list()).find(each => each.name === name)?.guid, found?.guid);
    await pools.export(name);
  });

  test.serial('a pool that lacks a device is told from one that is not there', async t => {
    const home = join(folder, 'half');
    await mkdir(home);
    const [one, two] = [await disk('half/one'), await disk('half/two')];
    const name = `${pool}-half`;
    await pools.create(name, [one, two], {});
    const guid = (await pools.list()).find(each => each.name === name)?.guid ?? '';
    await pools.export(name);
    await rename(two, join(folder, 'away'));
    await t.throwsAsync(pools.import(name, { from: [home], guid }), { code: 'POOL_INCOMPLETE' });
    t.deepEqual(
      (await pools.importable([home])).map(each => [each.name, each.state]),
      [[name, 'UNAVAIL']],
    );
    await t.throwsAsync(pools.import(name, { from: [home], guid: '12345' }), { code: 'POOL_MISSING' });
    t.deepEqual(await pools.importable([mountpoint('')]), []);
    t.deepEqual(await pools.labels(await disk('blank')), []);
    await t.throwsAsync(pools.labels(join(folder, 'nothing')), { code: 'DEVICE_UNREADABLE' });
  });
}

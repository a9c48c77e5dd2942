/** What is lost and what is not: etcd's data, the state file, etcd itself. */

import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import { createGateway } from '../../../../src/etcd/gateway.ts';
import { until } from '../../../../src/lib/retry.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';
import { EVE } from './original.ts';

const within = { deadlineMs: 120_000, everyMs: 50 };

export function lossesSuite(test: TestFn, bed: () => ServerBed): void {
  let keptId = '';
  const mountpoint = () => join(bed().at.folder, 'mounted');
  const stateFile = () => join(bed().at.stateDirectory, 'state.json');

  /** Dot, users (whose secrets are not those of the metadata any more) and mount are what they were. */
  async function isAllThere(t: ExecutionContext): Promise<void> {
    t.is((await bed().call('Lookup', bed().dot('kept'))).result, keptId);
    t.true((await bed().names()).includes('kept'));
    t.is((await bed().call('Ping', null, { auth: `admin:${bed().at.password}` })).result, true, 'password');
    t.is((await bed().call('Ping', null, { auth: `eve:${EVE.ApiKey}` })).result, true, 'another user');
    const initial = (await readFile(join(bed().at.folder, 'key'), 'utf8')).trim();
    t.not(initial, bed().at.key, 'the key was reset');
    t.is((await bed().call('Ping', null, { auth: `admin:${initial}` })).http.status, 401, 'the old key');
    const mounts = await bed().admin<Record<string, string>[]>('Mounts', null);
    const path = bed().path(keptId, '__default__');
    t.like(mounts, [{ Name: 'kept', Mountpoint: mountpoint(), FilesystemId: keptId, Path: path, Fault: '' }]);
    t.is(await readFile(join(path, 'file'), 'utf8'), 'kept');
  }

  /** Stops both, lets `harm` happen, starts both; resolves to what the new server logged. */
  async function lose(harm: () => Promise<unknown>): Promise<string> {
    await bed().down();
    await harm();
    const before = bed().log.length;
    await bed().up();
    return bed().log.slice(before);
  }

  test.serial(
    'a restart changes nothing: dots, users with new secrets and recorded mounts are there',
    async t => {
      await bed().up();
      await bed().create('kept');
      keptId = String((await bed().call('Lookup', bed().dot('kept'))).result);
      await writeFile(bed().path(keptId, '__default__', 'file'), 'kept');
      const mount = { ...bed().dot('kept'), Subdot: '', Owner: '', Mode: '', Mountpoint: mountpoint() };
      await bed().admin('PrepareMount', mount);
      const log = await lose(async () => undefined);
      t.notRegex(log, /behind|adopted|left alone|set aside/);
      await isAllThere(t);
    },
  );

  test.serial("nothing is lost with etcd's data directory", async t => {
    await lose(() => rm(bed().etcdData, { recursive: true }));
    await isAllThere(t);
    const keys = (await bed().dumpEtcd()).map(({ key }) => key);
    t.true(keys.includes('dotmesh.io/registry/filesystems/admin/kept'));
    t.true(keys.includes(`dotmesh.io/users/users/${EVE.Id}`));
  });

  test.serial(
    'what etcd holds may be garbage: the server goes by ZFS and its file, and mends it',
    async t => {
      const shop = { key: 'dotmesh.io/registry/filesystems/admin/kept', value: '{"Id":"stolen"}' };
      const gateway = createGateway({ endpoint: bed().etcdEndpoint });
      const junk = ['{', '[]', 'null', '"x"', '\u0000', '{"Id":7}'].flatMap((value, index) =>
        [
          'registry/filesystems/admin/',
          'registry/clones/a/',
          'filesystems/masters/',
          'users/users/',
          'users/nameidx/',
          '',
        ].map(prefix => ({ put: { key: `dotmesh.io/${prefix}junk${index}`, value } })),
      );
      await gateway.apply([
        ...junk,
        { put: shop },
        { put: { key: 'dotmesh.io/registry/filesystems/../..', value: '{}' } },
      ]);
      gateway.close();
      await lose(async () => undefined);
      await isAllThere(t);
      const values = new Map((await bed().dumpEtcd()).map(({ key, value }) => [key, value]));
      t.is(JSON.parse(values.get(shop.key) ?? '{}').Id, keptId);
      t.is(values.get('dotmesh.io/registry/filesystems/admin/junk0'), undefined);
      t.is(values.get('dotmesh.io/users/users/junk5'), undefined);
    },
  );

  test.serial('nothing is lost with state.json, as long as etcd is there', async t => {
    await lose(() => rm(stateFile()));
    await isAllThere(t);
  });

  test.serial('a truncated state.json is set aside, the log says so, and nothing is lost', async t => {
    const log = await lose(() => truncate(stateFile(), 100));
    t.regex(log, /state\.json can not be read: it is set aside/);
    t.true((await readdir(bed().at.stateDirectory)).some(name => /^state\.json\..*\.unreadable$/.test(name)));
    await isAllThere(t);
  });

  test.serial(
    'while etcd is dead dots are created and deleted all the same, and it is told when it is back',
    async t => {
      await bed().up();
      await bed().create('to-go');
      await bed().stopEtcd('SIGKILL');
      t.is((await bed().create('meanwhile')).result, true);
      t.is(await bed().admin('Delete', { Namespace: 'admin', Name: 'to-go' }), true);
      const id = (await bed().call('Lookup', bed().dot('meanwhile'))).result;
      t.true((await bed().names()).includes('meanwhile'));
      t.is((await bed().call('Ping', null)).result, true);
      await bed().startEtcd();
      const told = await until(async () => {
        const values = new Map((await bed().dumpEtcd()).map(({ key, value }) => [key, value]));
        const value = values.get('dotmesh.io/registry/filesystems/admin/meanwhile') ?? '{}';
        return JSON.parse(value).Id === id && !values.has('dotmesh.io/registry/filesystems/admin/to-go');
      }, within);
      t.true(told);
      // The line follows the writing that was just seen.
      const said = () => /the index in etcd is behind[\s\S]*the index in etcd is caught up/.test(bed().log);
      t.true(await until(said, within), bed().log);
    },
  );
}

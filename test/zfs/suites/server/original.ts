/** The original dm-linuxkit's way with the server: its environment, its calls, its end. Wire reference §7.9. */

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { createGateway } from '../../../../src/etcd/gateway.ts';
import { until } from '../../../../src/lib/retry.ts';
import { mountTable } from '../../../../src/system/mount-table.ts';
import { freePort, PROGRAM_PATH, type ServerBed } from '../../../helpers/server-bed.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A user of the original's, whose key etcd has in clear. */
export const EVE = { Id: '11111111-2222-4333-8444-555555555555', Name: 'eve', ApiKey: 'EVESOWNKEY======' };
const eveRecord = { ...EVE, Email: 'eve@example.org', Salt: '', Password: '', Metadata: null };

export function originalSuite(
  test: TestFn,
  bed: () => ServerBed,
  { ownNetwork }: { ownNetwork: boolean },
): void {
  test.serial(
    'the original dm-linuxkit works unchanged: its environment, its calls, and a SIGTERM that ends in 0',
    async t => {
      const { at } = bed();
      // A guest has its ports for itself; elsewhere they are other people's.
      const etcdPort = ownNetwork ? 2379 : await freePort();
      if (ownNetwork) at.port = 32607;
      await bed().startEtcd(etcdPort);
      const gateway = createGateway({ endpoint: `http://127.0.0.1:${etcdPort}` });
      const put = { key: `dotmesh.io/users/users/${EVE.Id}`, value: JSON.stringify(eveRecord) };
      await gateway.apply([{ put }]);
      await bed().startServer(['dotmesh-server'], {
        PATH: PROGRAM_PATH,
        DM_TEST: process.env['DM_TEST'],
        ...bed().commonEnvironment(),
        DOTMESH_ETCD_ENDPOINT: `http://localhost:${etcdPort}`,
        INITIAL_ADMIN_PASSWORD: base64(at.password),
        INITIAL_ADMIN_API_KEY: base64(at.key),
        ...(ownNetwork ? {} : { DOTMESH_SERVER_PORT: String(at.port), DOTMESH_CHECK_LISTEN: 'off' }),
      });

      const app = { Namespace: 'admin', Name: 'app' };
      t.is((await bed().call('Exists', app)).result, '');
      t.is((await bed().call('Create', app)).result, true);
      const { result: id } = await bed().call('Lookup', app);
      t.regex(String(id), /^[0-9a-f-]{36}$/);
      t.is((await bed().call('Exists', app)).result, id);
      const root = bed().path(String(id));
      t.true((await mountTable()).some(({ mountpoint }) => mountpoint === root));
      t.true((await lstat(join(root, '__default__'))).isDirectory());
      t.deepEqual(await readdir(join(root, '__default__')), []);
      t.is((await bed().call('Ping', null, { auth: 'admin:wrong' })).http.status, 401);

      t.is(
        await gateway
          .get(`dotmesh.io/filesystems/masters/${id}`)
          .then(text => JSON.parse(text ?? '{}').filesystem_id),
        id,
      );
      t.false(
        ((await gateway.get(put.key)) ?? '').includes(EVE.ApiKey),
        'a key that stood in clear is hashed',
      );
      gateway.close();
      t.deepEqual(await bed().stopServer(), { code: 0, signal: null }, bed().log);
      t.true(
        (await mountTable()).some(({ mountpoint }) => mountpoint === root),
        'the mount stays',
      );
      await bed().stopEtcd();
      t.truthy(await until(() => !bed().server.isRunning(), { deadlineMs: 1000 }));
    },
  );
}

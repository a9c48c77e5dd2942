/** Every method over HTTP, as the wire reference says: §1.2 to §1.5, §2.1, §2.3, §3.1. */

import { existsSync } from 'node:fs';
import { readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { sh } from '../../../helpers/disks.ts';
import { startProgram } from '../../../helpers/program.ts';
import type { RpcAnswer, ServerBed } from '../../../helpers/server-bed.ts';
import { EVE } from './original.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ADMIN_ID = '00000000-0000-0000-0000-000000000000';
const asEve = { auth: `eve:${EVE.ApiKey}` };

export function methodsSuite(test: TestFn, bed: () => ServerBed): void {
  const dot = (Name: string, Branch = '') => ({ Namespace: 'admin', Name, Branch });

  test.serial('routes, refusals and odd requests are answered as the original does', async t => {
    await bed().up();
    const check = await bed().ask({ path: '/check', auth: null });
    t.deepEqual([check.status, check.body], [200, 'OK']);
    const metrics = await bed().ask({ path: '/metrics', auth: null });
    t.is(metrics.status, 200);
    t.regex(
      metrics.body,
      new RegExp(`^dm_zpool_usage_percentage\\{.*pool_name="${bed().at.pool}"\\} [\\d.]+$`, 'm'),
    );
    t.regex(metrics.body, /^dm_req_total\{/m);
    const lost = await bed().ask({ path: '/status' });
    t.deepEqual([lost.status, lost.body], [404, '404 page not found\n']);
    const json = { 'Content-Type': 'application/json' };
    const denied = await bed().ask({ method: 'POST', path: '/rpc', headers: json, body: '{}', auth: null });
    t.deepEqual([denied.status, denied.body], [401, 'Unauthorized.\n']);
    t.is(denied.headers['www-authenticate'], undefined);
    const big = '{"jsonrpc":"2.0","method":"DotmeshRPC.Ping","params":null,"id":9223372036854775807}';
    const exact = await bed().ask({ method: 'POST', path: '/rpc', headers: json, body: big });
    t.is(exact.body, '{"jsonrpc":"2.0","result":true,"id":9223372036854775807}\n');
    t.is((await bed().call('Nonsense', null)).error, 'rpc: can\'t find method "DotmeshRPC.Nonsense"');
    t.is((await bed().call('Mounts', null)).error, 'rpc: can\'t find method "DotmeshRPC.Mounts"');
    t.is((await bed().call('Lookup', { NAMESPACE: 'admin', name: 'app' })).error, undefined);
    t.is((await bed().call('Lookup', [dot('app')])).error, undefined);
  });

  test.serial('a dot is created once, found by every way, and two at once do not both get it', async t => {
    await bed().up();
    const both = await Promise.all(
      [1, 2].map(() => bed().call('Create', { Namespace: 'admin', Name: 'shop' })),
    );
    const id = String((await bed().call('Lookup', dot('shop'))).result);
    t.regex(id, UUID);
    const exists = `A volume called admin/shop already exists with id ${id}`;
    const summary = ({ result, error }: RpcAnswer) => String(error ?? result);
    t.deepEqual(both.map(summary).sort(), [exists, 'true'].sort());
    t.is((await bed().create('shop')).error, exists);
    t.deepEqual(await bed().datasetsNamed('shop'), [bed().dataset(id)]);
    t.is((await bed().call('Exists', dot('shop'))).result, id);
    t.is((await bed().call('Exists', dot('none'))).result, '');
    t.is((await bed().call('Exists', dot('shop', 'b1'))).result, '');
    t.is((await bed().call('Lookup', dot('none'))).error, "No such filesystem named 'admin/none'");
    t.is(
      (await bed().call('Lookup', dot('shop', 'b1'))).error,
      `No clones at all, let alone named 'b1' for filesystem id '${id}'`,
    );
    t.is((await bed().call('Get', 'no-such-id')).error, 'No known filesystem with id no-such-id');
    t.is(
      (await bed().call('Create', { Namespace: 'nobody', Name: 'x' })).error,
      'Unable to locate owner nobody.',
    );
    const commits = await sh('zfs', 'list', '-H', '-o', 'name', '-t', 'snapshot', '-r', bed().dataset(id));
    t.is(commits.split('\n').length, 1);
    const commit = commits.split('@')[1] ?? '';
    const metadata = await readdir(bed().path(id, 'dotmesh.metadata'));
    t.deepEqual(metadata, [`${commit}.json`]);
  });

  test.serial('a volume has the members of the original in its order, in Get and in both lists', async t => {
    await bed().up();
    const id = String((await bed().call('Lookup', dot('shop'))).result);
    const node = BigInt(await sh('zfs', 'get', '-Hp', '-o', 'value', 'guid', bed().at.pool)).toString(16);
    const { result, http } = await bed().call('Get', id);
    const { SizeBytes, DirtyBytes, ...rest } = result as Record<string, unknown>;
    t.deepEqual(Object.keys(result as object), [
      'Id',
      'Name',
      'Branch',
      'Master',
      'SizeBytes',
      'DirtyBytes',
      'CommitCount',
      'ServerStates',
      'ServerStatuses',
      'ForkParentId',
      'ForkParentSnapshotId',
    ]);
    t.true(http.body.includes('"Name":{"Namespace":"admin","Name":"shop"}'));
    t.is(typeof SizeBytes, 'number');
    t.is(typeof DirtyBytes, 'number');
    t.deepEqual(rest, {
      Id: id,
      Name: { Namespace: 'admin', Name: 'shop' },
      Branch: '',
      Master: node,
      CommitCount: 1,
      ServerStates: { [node]: 'active' },
      ServerStatuses: { [node]: 'waiting, 1 commits' },
      ForkParentId: '',
      ForkParentSnapshotId: '',
    });
    const volume = { Id: id, Name: { Namespace: 'admin', Name: 'shop' } };
    t.like((await bed().call('List', null)).result, { admin: { shop: volume } });
    t.like((await bed().call('ListWithContainers', null)).result, {
      admin: { shop: { Volume: volume, Containers: [] } },
    });
    t.deepEqual((await bed().call('List', null, asEve)).result, {});
  });

  test.serial('a name that was deleted is free at once, and the new dot is empty', async t => {
    await bed().up();
    await bed().create('again');
    const first = String((await bed().call('Lookup', dot('again'))).result);
    await writeFile(bed().path(first, '__default__', 'file'), 'old');
    const link =
      (await bed().admin<string>('Procure', { Namespace: 'admin', Name: 'again', Subdot: '' })) ?? '';
    t.is((await bed().call('Delete', { Namespace: 'admin', Name: 'again' })).result, true);
    t.false((await bed().names()).includes('again'));
    t.false(existsSync(link));
    t.is((await bed().create('again')).result, true);
    const second = String((await bed().call('Lookup', dot('again'))).result);
    t.not(second, first);
    t.true((await bed().names()).includes('again'));
    t.deepEqual(await readdir(bed().path(second, '__default__')), []);
    t.false(existsSync(bed().path(first)));
    t.deepEqual(await bed().datasetsNamed('again'), [bed().dataset(second)]);
    t.is((await bed().call('Delete', { Namespace: 'admin', Name: 'again' })).result, true);
    t.is(
      (await bed().call('Delete', { Namespace: 'admin', Name: 'again' })).error,
      "No such filesystem named 'admin/again'",
    );
  });

  test.serial(
    "a dot whose directory is somebody's working directory is not deleted, and who it is is told",
    async t => {
      await bed().up();
      await bed().create('busy');
      const id = String((await bed().call('Lookup', dot('busy'))).result);
      const user = startProgram(['sleep', '600'], { env: process.env, cwd: bed().path(id, '__default__') });
      try {
        const { error = '' } = await bed().call('Delete', { Namespace: 'admin', Name: 'busy' });
        t.true(
          error.startsWith(`We cannot delete the volume ${id} when 1 container is still using it: `),
          error,
        );
        t.true(error.includes(`sleep (process ${user.pid})`), error);
      } finally {
        user.kill('SIGKILL');
        await user.ended;
      }
      t.is((await bed().call('Exists', dot('busy'))).result, id);
      t.is((await bed().call('Delete', { Namespace: 'admin', Name: 'busy' })).result, true);
    },
  );

  test.serial('Procure makes dot, link and subdot, and gives the path for a container', async t => {
    await bed().up();
    const procure = (Name: string, Subdot: string) =>
      bed().call('Procure', { Namespace: 'admin', Name, Subdot });
    const link = join(bed().at.containerMountPrefix, 'admin', 'procured');
    t.is((await procure('procured', '')).result, link);
    const id = String((await bed().call('Lookup', dot('procured'))).result);
    t.is(await readlink(link), bed().path(id));
    t.is((await procure('procured@master', 'data')).result, join(link, 'data'));
    t.is((await stat(join(link, 'data'))).mode & 0o7777, 0o777);
    t.is((await procure('procured', '__default__')).result, join(link, '__default__'));
    t.is((await procure('a@b@c', '')).error, 'invalid volume name: a@b@c');
    t.is(
      (await procure('procured@b1', '')).error,
      `No clones at all, let alone named 'b1' for filesystem id '${id}'`,
    );
    t.is((await procure('never@b1', '')).error, "No such filesystem named 'admin/never'");
    t.deepEqual(await bed().datasetsNamed('never'), []);
    await bed().admin('Delete', { Namespace: 'admin', Name: 'procured' });
  });

  test.serial(
    "CheckNameIsValid gives the fault as its result; Version and Config have the original's form",
    async t => {
      await bed().up();
      const checked = async (ref: object) => (await bed().call('CheckNameIsValid', ref)).result;
      t.is(await checked(dot('shop')), '');
      t.is(await checked({ Namespace: '', Name: '', Branch: '' }), 'namespace cannot be empty');
      t.is(await checked(dot('')), 'name cannot be empty');
      const pattern = 'should match pattern: ^[a-zA-Z0-9_\\-]{1,64}$';
      t.is(await checked({ Namespace: 'a/b', Name: 'x' }), `invalid namespace name, ${pattern}`);
      t.is(await checked(dot('a.b')), `invalid dot name, ${pattern}`);
      t.is(await checked(dot('a', 'b c')), `invalid branch name, ${pattern}`);
      const { installed_version, ...more } = (await bed().call('Version', null)).result as Record<
        string,
        unknown
      >;
      t.regex(String(installed_version), /^\d+\.\d+\.\d+/);
      t.deepEqual(more, {
        current_version: '',
        current_release_date: 0,
        current_download_url: '',
        current_changelog_url: '',
        project_website: '',
        outdated: false,
      });
      t.deepEqual((await bed().call('Config', null)).result, {});
    },
  );

  test.serial("who is not the owner or the admin is refused in the original's words", async t => {
    await bed().up();
    const id = (await bed().call('Lookup', dot('shop'))).result;
    const error = async (method: string, params: unknown) => (await bed().call(method, params, asEve)).error;
    const notAdmin = `Userid ${EVE.Id} is not admin user`;
    t.is(await error('Version', null), notAdmin);
    t.is(await error('Config', null), notAdmin);
    t.is(await error('Procure', { Namespace: 'admin', Name: 'shop', Subdot: '' }), notAdmin);
    t.is(await error('Get', id), 'Permission denied.');
    t.is(
      await error('Delete', { Namespace: 'admin', Name: 'shop' }),
      'You are not the owner of volume admin/shop. Only the owner can delete it.',
    );
    t.is(
      await error('Create', { Namespace: 'admin', Name: 'mine' }),
      'User is not an administrator for namespace admin, so cannot create volumes',
    );
    const mine = { Namespace: 'eve', Name: 'mine' };
    t.is((await bed().call('Create', mine, asEve)).result, true);
    t.like((await bed().call('List', null, { auth: `eve@example.org:${EVE.ApiKey}` })).result, {
      eve: { mine: { Name: mine } },
    });
    t.is((await bed().call('Delete', mine, { auth: `${EVE.Id}:${EVE.ApiKey}` })).result, true);
  });

  test.serial('users: who they are, their keys and passwords, each by the means that it needs', async t => {
    await bed().up();
    const byKey = { auth: `admin:${bed().at.key}` };
    const byPassword = { auth: `admin:${bed().at.password}` };
    const user = {
      Id: ADMIN_ID,
      Name: 'admin',
      Email: '',
      EmailHash: 'd41d8cd98f00b204e9800998ecf8427e',
      Metadata: null,
    };
    t.deepEqual((await bed().call('CurrentUser', null, byKey)).result, user);
    t.deepEqual((await bed().call('AuthenticatedUser', null, byPassword)).result, user);
    const needed = 'Password authentication is required for this method.';
    t.is((await bed().call('AuthenticatedUser', null, byKey)).error, needed);
    t.is((await bed().call('ResetApiKey', null, byKey)).error, needed);
    t.deepEqual((await bed().call('GetApiKey', null, byKey)).result, { ApiKey: bed().at.key });
    t.regex((await bed().call('GetApiKey', null, byPassword)).error ?? '', /ResetApiKey/);
    t.is(
      (await bed().call('UpdatePassword', { NewPassword: 'six666' }, byKey)).error,
      'invalid password: password length should be at least 7 symbols',
    );
    const changed = 'changed-password';
    t.deepEqual((await bed().call('UpdatePassword', { NewPassword: changed }, byKey)).result, user);
    t.is((await bed().call('Ping', null, byPassword)).http.status, 401);
    const { result } = await bed().call('ResetApiKey', null, { auth: `admin:${changed}` });
    const { ApiKey } = result as { ApiKey: string };
    t.regex(ApiKey, /^[A-Z2-7]{52}====$/);
    t.is((await bed().call('Ping', null, byKey)).http.status, 401);
    t.is((await bed().call('Ping', null, { auth: `admin:${ApiKey}` })).result, true);
    Object.assign(bed().at, { key: ApiKey, password: changed });
  });

  test.serial('a body that is too big is refused, and one without end is cut', async t => {
    await bed().up();
    const send = (bytes: number) =>
      bed().ask({
        method: 'POST',
        path: '/rpc',
        headers: { 'Content-Type': 'application/json' },
        body: Buffer.alloc(bytes, 0x20),
      });
    const refused = await send(16 * 2 ** 20 + 1);
    t.is(refused.status, 413);
    t.regex(refused.body, /larger than 16777216 bytes/);
    const cut = await send(48 * 2 ** 20).then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    );
    t.true(['ECONNRESET', 'EPIPE', 413].includes(cut ?? ''), String(cut));
    t.is((await bed().call('Ping', null)).result, true);
    // A client that sends a byte now and then is cut after 30 s: test/unit/server/daemon.test.ts, with shorter limits.
  });
}

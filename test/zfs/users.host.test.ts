/** Users, collaborators and backup through the built server, over TCP as a client comes. */

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ServerBed } from '../helpers/server-bed.ts';

let bed: ServerBed;
test.before(async () => {
  bed = await ServerBed.make('users');
});
test.after.always(() => bed?.clear());

const as = (name: string) => ({ auth: `${name}:${name}-password` });
const register = (Name: string) => ({ Name, Email: `${Name}@example.org`, Password: `${Name}-password` });

test.serial(
  'the admin makes users; each owns the dots of its name and shares them with whom it likes',
  async t => {
    await bed.up();
    const eve = await bed.admin<{ Id: string }>('RegisterNewUser', register('eve'));
    const bob = await bed.admin<{ Id: string }>('RegisterNewUser', register('bob'));
    const denied = await bed.call('RegisterNewUser', register('mallory'), as('eve'));
    t.is(denied.error, `Userid ${eve.Id} is not admin user`);
    for (const [method, params] of [
      ['ListUsers', null],
      ['DumpEtcd', null],
      ['RestoreEtcd', null],
      ['UserFromName', { Name: 'bob' }],
      ['SetUserEmail', { Id: bob.Id, Email: 'mine@x' }],
      ['UpdateUserPassword', { Id: bob.Id, NewPassword: 'mine-now' }],
    ] as const) {
      t.is((await bed.call(method, params, as('eve'))).error, denied.error, method);
    }
    const shop = { Namespace: 'eve', Name: 'shop' };
    t.is((await bed.call('Create', shop, as('eve'))).result, true);
    const id = (await bed.call('Lookup', shop, as('eve'))).result;
    t.is((await bed.call('Exists', shop, as('bob'))).result, '');
    t.is((await bed.call('Lookup', shop, as('bob'))).error, "No such filesystem named 'eve/shop'");
    const share = { MasterBranchId: id, Collaborator: 'bob' };
    t.is((await bed.call('AddCollaborator', share, as('eve'))).result, true);
    t.is((await bed.call('Lookup', shop, as('bob'))).result, id);
    const { result } = await bed.call('AllDotsAndBranches', null, as('bob'));
    t.like(result, {
      Dots: [{ MasterBranch: { Id: id }, OtherBranches: null, Owner: eve, Collaborators: [bob] }],
    });
    t.deepEqual((await bed.call('AllDotsAndBranches', null, { auth: `admin:${bed.at.key}` })).result, result);
    t.is((await bed.call('RemoveCollaborator', share, as('eve'))).result, true);
    t.is((await bed.call('Exists', shop, as('bob'))).result, '');
    t.is((await bed.call('AddCollaborator', share, as('eve'))).result, true);
  },
);

test.serial(
  'users and collaborators survive kill -9 and a loss of etcd; no secret is on disk, in etcd or in the log',
  async t => {
    await bed.up();
    const [eve] = await bed
      .admin<{ Id: string; Name: string }[]>('ListUsers', null)
      .then(users => users.filter(({ Name }) => Name === 'eve'));
    const { result } = await bed.call('ResetApiKey', null, as('eve'));
    const { ApiKey: key } = result as { ApiKey: string };
    await bed.admin('SetUserMetadataField', { Id: eve?.Id, Field: 'CustomerId', Value: 'c-1' });
    await bed.stopServer('SIGKILL');
    await bed.stopEtcd('SIGKILL');
    await rm(bed.etcdData, { recursive: true });
    await bed.up();
    t.is((await bed.call('Ping', null, { auth: `eve@example.org:${key}` })).result, true);
    t.like(await bed.admin('UserFromCustomerId', { CustomerId: 'c-1' }), { Name: 'eve' });
    t.is(typeof (await bed.call('Lookup', { Namespace: 'eve', Name: 'shop' }, as('bob'))).result, 'string');
    const state = await readFile(join(bed.at.stateDirectory, 'state.json'), 'utf8');
    const kept = [state, JSON.stringify(await bed.dumpEtcd()), bed.log];
    for (const text of kept) t.false(text.includes(key) || text.includes('eve-password'));
  },
);

test.serial(
  'a backup restores a user that was changed since, and loses no dot that was made since',
  async t => {
    await bed.up();
    const dump = await bed.admin('DumpEtcd', { Prefix: '' });
    t.like(dump, { version: 'v1', registry_filesystems: [{ OwnerId: 'eve', Name: 'shop' }] });
    const { Id } = await bed.admin<{ Id: string }>('UserFromName', { Name: 'bob' });
    await bed.admin('UpdateUserPassword', { Id, NewPassword: 'forgotten' });
    await bed.admin('Create', { Namespace: 'bob', Name: 'later' });
    t.is((await bed.call('Ping', null, as('bob'))).http.status, 401);
    t.is(await bed.admin('RestoreEtcd', { Prefix: '', Dump: JSON.stringify(dump) }), false);
    t.like((await bed.call('List', null, as('bob'))).result, {
      eve: { shop: { Branch: '' } },
      bob: { later: { Branch: '' } },
    });
    const { error } = await bed.call('RestoreEtcd', { Prefix: '', Dump: 'x' });
    t.regex(error ?? '', /^failed to unmarshal into a backup structure: /);
  },
);

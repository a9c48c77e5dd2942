/** The file API and forks through the built server, over TCP as a client comes. */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { sh } from '../helpers/disks.ts';
import { ServerBed } from '../helpers/server-bed.ts';

let bed: ServerBed;
let id = '';
const at = (...parts: string[]) => bed.path(id, '__default__', ...parts);
const shop = { Namespace: 'admin', Name: 'shop', Branch: '' };

test.before(async () => {
  bed = await ServerBed.make('files');
  await bed.up();
  await bed.create('shop');
  id = await bed.admin<string>('Lookup', shop);
  await bed.admin('RegisterNewUser', { Name: 'eve', Email: 'eve@x', Password: 'eve-password' });
});
test.after.always(() => bed?.clear());

const put = (path: string, body: string | Buffer = 'x') =>
  bed.ask({ method: 'PUT', path: `/s3/admin:shop/${path}`, body });
const list = async (query = '', snapshot = '') => {
  const { body } = await bed.ask({ path: `/s3/admin:shop${snapshot}?Format=json${query}` });
  return JSON.parse(body) as { contents: { key: string; size: number }[] | null; total_results: number };
};

test.serial('a file that is put is a commit, and is read from it byte for byte', async t => {
  const big = Buffer.alloc(3 * 2 ** 20, 'dm');
  const one = await put('a/b/big.bin', big);
  t.deepEqual([one.status, one.body], [200, '']);
  const commit = String(one.headers['snapshot']);
  t.true(
    (await sh('zfs', 'list', '-H', '-t', 'snapshot', '-o', 'name', '-r', bed.dataset(id))).includes(
      `@${commit}`,
    ),
  );
  const metadata = JSON.parse(await readFile(bed.path(id, 'dotmesh.metadata', `${commit}.json`), 'utf8'));
  const shown = Object.fromEntries(
    Object.entries<string>(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
  t.like(shown, {
    author: 'admin',
    message: 'Uploaded a/b/big.bin (3.0MiB)',
    type: 'upload',
    'upload.type': 'S3',
    'upload.file': 'a/b/big.bin',
    'upload.bytes': String(big.length),
  });
  await put('a/b/big.bin', 'small');
  const read = await bed.ask({ path: `/s3/admin:shop/snapshot/${commit}/a/b/big.bin` });
  t.is(read.status, 200);
  t.is(read.body, big.toString());
  t.like(read.headers, {
    'access-control-allow-origin': '*',
    'content-disposition': 'attachment; filename="a/b/big.bin"',
    'content-length': String(big.length),
  });
  const head = await bed.ask({ method: 'HEAD', path: `/s3/admin:shop/snapshot/${commit}/a/b/big.bin` });
  t.deepEqual([head.status, head.headers['content-length'], head.body], [200, String(big.length), '']);
  const gone = await bed.ask({ path: `/s3/admin:shop/snapshot/${commit}/none` });
  t.deepEqual([gone.status, gone.body], [404, 'failed to stat none, error: no such file or directory\n']);
});

test.serial('lists are paged, by directory, and without dotfiles, in JSON and XML', async t => {
  for (const path of ['z.txt', 'a/c', '.hidden', 'm%20%26']) t.is((await put(path)).status, 200);
  t.deepEqual(
    (await list()).contents?.map(({ key }) => key),
    ['m &', 'z.txt', 'a/c', 'a/b/big.bin'],
  );
  const page = await list('&MaxKeys=2&Page=1');
  t.deepEqual([page.contents?.map(({ key }) => key), page.total_results], [['a/c', 'a/b/big.bin'], 4]);
  t.deepEqual(
    (await list('&Prefix=a&NonRecursive=1&IncludeDirectories=1')).contents?.map(({ key }) => key),
    ['a/b', 'a/c'],
  );
  const xml = await bed.ask({ path: '/s3/admin:shop?MaxKeys=1' });
  t.regex(
    xml.body,
    /^<ListBucketResult><Name>admin-shop<\/Name><Prefix><\/Prefix><Contents><Key>m &amp;<\/Key><LastModified>[\d-]+T[\d:.]+Z<\/LastModified><Size>1<\/Size><Directory>false<\/Directory><\/Contents><TotalResults>4<\/TotalResults><\/ListBucketResult>$/,
  );
  t.is((await bed.ask({ path: '/s3/admin:shop?Prefix=none' })).status, 500);
});

test.serial('what is deleted is gone from now on, and still in the commits before', async t => {
  const before = String((await put('a/c', 'kept')).headers['snapshot']);
  const gone = await bed.ask({ method: 'DELETE', path: '/s3/admin:shop/a' });
  t.is(gone.status, 200);
  t.false(existsSync(at('a')));
  t.is((await list('', `/snapshot/${gone.headers['snapshot']}`)).total_results, 2);
  t.is((await bed.ask({ path: `/s3/admin:shop/snapshot/${before}/a/c` })).body, 'kept');
  t.is((await bed.ask({ method: 'DELETE', path: '/s3/admin:shop/a' })).status, 404);
});

test.serial('no key and no link leads out of the dot, to read, write or delete', async t => {
  const outside = await mkdtemp(join(bed.at.folder, 'outside-'));
  await writeFile(join(outside, 'secret'), 'secret');
  await symlink(outside, at('way-out'));
  await symlink(join(outside, 'secret'), at('link'));
  await put('z.txt', 'now');
  const newest = (await put('z.txt', 'x')).headers['snapshot'];
  for (const key of ['way-out/secret', 'link', '..%2f..%2fsecret', '%2e%2e/%2e%2e/secret']) {
    const read = await bed.ask({ path: `/s3/admin:shop/snapshot/${newest}/${key}` });
    t.not(read.status, 200, key);
    t.false(read.body.includes('secret\n') && read.status === 200);
  }
  t.is((await put('way-out/new')).status, 500);
  t.is((await put('way-out/secret')).status, 500);
  t.is((await bed.ask({ method: 'DELETE', path: '/s3/admin:shop/way-out/secret' })).status, 404);
  t.is((await bed.ask({ path: '/s3/admin:shop?Prefix=way-out' })).status, 500);
  t.is((await bed.ask({ path: '/s3/admin:shop?Prefix=../..' })).status, 400);
  t.deepEqual(await readdir(outside), ['secret']);
  t.is(await readFile(join(outside, 'secret'), 'utf8'), 'secret');
  t.is((await put('link', 'a file now')).status, 200);
  t.is(await readFile(at('link'), 'utf8'), 'a file now');
  t.is((await bed.ask({ method: 'DELETE', path: '/s3/admin:shop/way-out' })).status, 200);
  t.true(existsSync(join(outside, 'secret')));
});

test.serial(
  'a directory goes out and comes in as a tar stream; links and paths that lead out are refused',
  async t => {
    const folder = await mkdtemp(join(bed.at.folder, 'tar-'));
    await mkdir(join(folder, 'tree/deep'), { recursive: true });
    const big = 'b'.repeat(500_000);
    await writeFile(join(folder, 'tree/deep/big'), big, { mode: 0o755 });
    await writeFile(join(folder, 'tree/small'), 's');
    await sh('tar', '-C', join(folder, 'tree'), '-czf', join(folder, 'in.tgz'), '.');
    const extract = async (path: string, file: string) =>
      bed.ask({
        method: 'PUT',
        path: `/s3/admin:shop/${path}`,
        headers: { Extract: 'true' },
        body: await readFile(file),
      });
    await put('unpacked/old');
    const done = await extract('unpacked', join(folder, 'in.tgz'));
    t.is(done.status, 200, done.body);
    t.deepEqual((await readdir(at('unpacked'))).sort(), ['deep', 'small']);
    t.is(await readFile(at('unpacked/deep/big'), 'utf8'), big);

    const out = await bed.ask({ path: `/s3/admin:shop/snapshot/${done.headers['snapshot']}/unpacked` });
    t.is(out.headers['content-type'], 'application/x-tar');
    await writeFile(join(folder, 'out.tar'), out.body);
    const names = (await sh('tar', '-tf', join(folder, 'out.tar'))).split('\n').sort();
    t.deepEqual(names, ['unpacked/', 'unpacked/deep/', 'unpacked/deep/big', 'unpacked/small']);
    const whole = await bed.ask({ path: `/s3/admin:shop/snapshot/${done.headers['snapshot']}/` });
    await writeFile(join(folder, 'whole.tar'), whole.body);
    t.regex(await sh('tar', '-tf', join(folder, 'whole.tar')), /^__default__\/unpacked\/small$/m);

    await symlink('/etc/passwd', join(folder, 'tree/link'));
    await sh('tar', '-C', folder, '-cf', join(folder, 'link.tar'), 'tree');
    await sh(
      'tar',
      '-C',
      folder,
      '-cPf',
      join(folder, 'up.tar'),
      '--transform',
      's,^tree/small,../../up,',
      'tree/small',
    );
    await writeFile(join(folder, 'no.tar'), 'no archive'.repeat(200));
    await writeFile(join(folder, 'half.tar'), (await readFile(join(folder, 'out.tar'))).subarray(0, 3000));
    for (const file of ['link.tar', 'up.tar', 'no.tar', 'half.tar']) {
      const refused = await extract('unpacked', join(folder, file));
      t.is(refused.status, 400, `${file} ${refused.body}`);
    }
    t.deepEqual((await readdir(at('unpacked'))).sort(), ['deep', 'small']);
    t.deepEqual((await readdir(bed.path(id))).sort(), ['__default__', 'dotmesh.metadata']);
  },
);

test.serial('an upload that breaks off leaves nothing of the file and no commit', async t => {
  const commits = async () =>
    (await sh('zfs', 'list', '-H', '-t', 'snapshot', '-o', 'name', '-r', bed.dataset(id))).split('\n').length;
  const before = await commits();
  await new Promise<void>(resolve => {
    const req = request({
      host: '127.0.0.1',
      port: bed.at.port,
      method: 'PUT',
      path: '/s3/admin:shop/cut',
      auth: `admin:${bed.at.key}`,
      headers: { 'Content-Length': '1000000' },
    });
    req.on('error', () => resolve());
    req.write(Buffer.alloc(100_000), () => req.destroy());
  });
  // The next one has its turn after what is left of it.
  await bed.stopServer('SIGKILL');
  await bed.up();
  t.is((await put('whole')).status, 200);
  t.false(existsSync(at('cut')));
  t.is(await commits(), before + 1);
  t.deepEqual((await readdir(bed.path(id))).sort(), ['__default__', 'dotmesh.metadata']);
});

test.serial('strangers, unknown dots and wrong ways are refused as the original does', async t => {
  const denied = await bed.ask({ path: '/s3/admin:shop', auth: 'eve:eve-password' });
  t.deepEqual([denied.status, denied.body], [401, 'User eve is not the administrator of namespace admin\n']);
  t.is(
    (await bed.ask({ method: 'PUT', path: '/s3/admin:shop/x', auth: 'eve:eve-password', body: '' })).status,
    401,
  );
  const none = await bed.ask({ path: '/s3/admin:none' });
  t.deepEqual([none.status, none.body], [404, 'Bucket admin-none does not exist\n']);
  const branch = await bed.ask({ method: 'PUT', path: '/s3/admin:shop@b1/x', body: '' });
  t.deepEqual([branch.status, branch.body], [404, 'Bucket admin-shop-b1 does not exist\n']);
  t.is((await bed.ask({ path: '/s3/admin:shop/x' })).status, 405);
  t.is((await bed.ask({ path: '/s3/admin:a.b' })).status, 400);
  const lost = await bed.ask({ path: '/s3/admin:shop/snapshot/none/x' });
  t.is(lost.status, 500);
  t.regex(lost.body, /^failed to mount filesystem \(.*\), check logs\n$/);
});

test.serial('a fork has all commits and files, lives on its own, and outlives its parent', async t => {
  await mkdir(bed.path(id, 'orders'), { recursive: true });
  await put('forked', 'yes');
  const params = { MasterBranchId: id, ForkNamespace: 'eve', ForkName: 'mine' };
  const denied = await bed.call('Fork', params, { auth: 'eve:eve-password' });
  t.regex(denied.error ?? '', /is not admin user$/);
  const fork = await bed.admin<string>('Fork', params);
  t.regex((await bed.call('Fork', params)).error ?? '', /^A volume called eve\/mine already exists with id /);
  const parent = await bed.admin<{ CommitCount: number }>('Get', id);
  t.like(await bed.admin('Get', fork), { ForkParentId: id, CommitCount: parent.CommitCount, Branch: '' });
  const eve = { auth: 'eve:eve-password' };
  t.is((await bed.ask({ method: 'PUT', path: '/s3/eve:mine/own', body: 'own', ...eve })).status, 200);
  await bed.admin('Delete', { Namespace: 'admin', Name: 'shop' });
  await bed.stopServer('SIGKILL');
  await bed.up();
  t.like(await bed.admin('Get', fork), { ForkParentId: id, CommitCount: parent.CommitCount + 1 });
  t.is(await readFile(bed.path(fork, '__default__', 'own'), 'utf8'), 'own');
  t.true(existsSync(bed.path(fork, 'orders')));
  t.deepEqual(
    (await bed.datasets()).filter(name => name.includes('dm-incoming/')),
    [],
  );
});

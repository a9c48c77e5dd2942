// Dots, users, keys and raw calls: the built client against a stand-in server.
import { lstat, mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { painter } from '../../../src/cli/paint.ts';
import { fakeDot } from '../../helpers/fake-dot.ts';
import { startFakeDotmesh } from '../../helpers/fake-dotmesh.ts';
import { configFor, makeHome } from '../../helpers/run-dm.ts';

async function setUp(t: ExecutionContext, more: Record<string, unknown> = {}) {
  const home = makeHome();
  const dot = fakeDot();
  const server = await startFakeDotmesh(dot.handlers);
  home.write(configFor(server.port, { CurrentVolume: 'shop', ...more }));
  t.teardown(() => {
    home.remove();
    return server.close();
  });
  const ok = async (argv: string[], input = '') => {
    const { code, out, err } = await home.built(argv, { input });
    t.is(code, 0, `dm ${argv.join(' ')}: ${err}`);
    return out;
  };
  const last = () => server.calls.at(-1);
  const local = () => (home.read()['Remotes'] as Record<string, Record<string, unknown>>)['local'];
  return { home, dot, server, ok, last, local };
}

test.serial('dot rename takes the choice, the branch and the upstream along', async t => {
  const { ok, last, local } = await setUp(t, {
    CurrentBranches: { shop: 'bug-7' },
    DefaultRemoteVolumes: { admin: { shop: { Namespace: 'alice', Name: 'shop' } } },
  });
  t.is(await ok(['dot', 'rename', 'shop', 'bob/store']), '');
  t.deepEqual(last()?.params, { Namespace: 'admin', Name: 'shop', NewNamespace: 'bob', NewName: 'store' });
  t.like(local(), {
    CurrentVolume: 'bob/store',
    CurrentBranches: { 'bob/store': 'bug-7' },
    DefaultRemoteVolumes: { admin: {}, bob: { store: { Namespace: 'alice', Name: 'shop' } } },
  });
});

test.serial('dot fork, show, delete and smash-branch-master', async t => {
  const { dot, ok, last } = await setUp(t);
  dot.branches.set('bug-7', { commits: [], origin: { branch: '', id: '1111aaaa' }, dirtyBytes: 2048 });
  t.is(await ok(['dot', 'fork', 'shop', 'alice/shop']), 'fork-id\n');
  t.deepEqual(last()?.params, { MasterBranchID: 'id-', ForkNamespace: 'alice', ForkName: 'shop' });
  const shown = await ok(['dot', 'show']);
  t.regex(shown, /^\* master \(id-\)$/m);
  t.regex(shown, /^ {2}bug-7 \(id-bug-7\)$/m);
  t.regex(shown, /^Subdots: __default__, orders$/m);
  t.regex(await ok(['dot', 'show', '-H', '--dot', 'shop']), /\nsubdot\t__default__\nsubdot\torders\n$/);
  t.is(await ok(['dot', 'smash-branch-master', 'bug-7']), '');
  t.deepEqual(last()?.params, { FilesystemId: 'id-bug-7', Master: '' });
  await ok(['dot', 'smash-branch-master', 'shop', 'master', 'node2']);
  t.deepEqual(last()?.params, { FilesystemId: 'id-', Master: 'node2' });
  const asked = await ok(['dot', 'delete', 'shop'], 'n\n');
  t.regex(
    asked,
    /^branch master: 1 commit, 4\.00 kiB\nbranch bug-7: 0 commits, 4\.00 kiB, 2\.00 kiB of it uncommitted\n/,
  );
  t.regex(asked, /\(enter Y to continue\): Aborted\.\n$/);
  t.is(await ok(['dot', 'delete', '-f', 'shop']), '');
  t.true(last()?.method.endsWith('.Delete'));
});

test.serial('mount makes a link, refuses what is there, and names a dot that is not', async t => {
  const { home, dot, ok, server } = await setUp(t);
  const folder = await mkdtemp(join(tmpdir(), 'dm-mount-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  dot.handlers.Procure = () => folder;
  const link = join(folder, 'link');
  t.is(await ok(['mount', 'shop', link]), `procured dot: ${folder}\nsymlinked dot: ${link}\n`);
  t.is(await readlink(link), folder);
  const taken = await home.built(['mount', 'shop', link]);
  t.is(taken.code, 1);
  t.regex(taken.err, /^There is something at .* already\./);
  const missing = await home.built(['mount', 'none', `${link}2`]);
  t.is(missing.code, 1);
  t.regex(missing.err, /^Dot none does not exist\. 'dm mount --create none /);
  await ok(['mount', '-r', 'none', `${link}2`]);
  dot.handlers.Procure = () => join(folder, 'elsewhere');
  t.regex((await home.built(['mount', 'shop', `${link}3`])).err, /^The server 'local' has the files at /);
  await t.throwsAsync(lstat(`${link}3`), { code: 'ENOENT' });
  t.is(server.calls.filter(({ method }) => method.endsWith('.Procure')).length, 3);
});

test.serial('users are added, listed and given passwords, which come from standard input alone', async t => {
  const { home, ok, last } = await setUp(t);
  t.is(await ok(['user', 'add', 'bob', 'bob@example.org'], 'secret\n'), 'Password for bob: \nu2\n');
  t.deepEqual(last()?.params, { Name: 'bob', Email: 'bob@example.org', Password: 'secret' });
  t.is(await ok(['user', 'list', '-H']), 'alice\tu1\talice@example.org\nbob\tu2\tbob@example.org\n');
  t.deepEqual(JSON.parse(await ok(['user', 'list', '--json']))[1], {
    id: 'u2',
    name: 'bob',
    email: 'bob@example.org',
  });
  await ok(['user', 'password', 'bob'], 'other\n');
  t.deepEqual(last()?.params, { Id: 'u2', NewPassword: 'other' });
  await ok(['user', 'password'], 'mine\n');
  t.deepEqual(last()?.params, { NewPassword: 'mine' });
  const { code, err } = await home.built(['user', 'password']);
  t.is(code, 1);
  t.regex(
    err,
    /^Nothing was given for 'New password'\. Type it, pipe it in, or set DOTMESH_NEW_PASSWORD\.\n$/,
  );
});

test.serial('with --json and -H a question is no part of the result', async t => {
  const { home, ok } = await setUp(t);
  t.is(JSON.parse(await ok(['user', 'add', 'bob', 'b@example.org', '--json'], 'secret\n')).id, 'u2');
  t.is(await ok(['user', 'add', 'eve', 'e@example.org', '-H'], 'secret\n'), 'u3\n');
  const { out, err } = await home.built(['dot', 'delete', 'shop', '--json'], { input: 'n\n' });
  t.deepEqual(JSON.parse(out), { namespace: 'admin', name: 'shop', deleted: false });
  t.regex(err, /enter Y to continue/);
});

test.serial('key reset comes with the password, stores the new key and does not print it', async t => {
  const { home, server, local } = await setUp(t, { ApiKey: 'an-old-key' });
  const { code, out } = await home.built(['key', 'reset'], { input: 'key\n' });
  t.is(code, 0);
  t.notRegex(out, /a-new-key/);
  t.is(local()?.['ApiKey'], 'a-new-key');
  t.is(server.calls.at(-1)?.authorization, `Basic ${Buffer.from('admin:key').toString('base64')}`);
});

test.serial('a backup is what restore takes, and what is none is refused before any call', async t => {
  const { home, ok, server, last } = await setUp(t);
  const backup = await ok(['cluster', 'backup-etcd']);
  t.is(await ok(['cluster', 'restore-etcd'], backup), '');
  t.deepEqual(last()?.params, { Prefix: '', Dump: backup });
  const calls = server.calls.length;
  t.regex(
    (await home.built(['cluster', 'restore-etcd'], { input: 'x' })).err,
    /^Standard input is no backup/,
  );
  t.is(server.calls.length, calls);
});

test.serial('debug prints results and null as they are, and a refusal is one', async t => {
  const { home, dot, ok, last } = await setUp(t);
  dot.handlers.Delete = () => null;
  t.deepEqual(JSON.parse(await ok(['debug', 'DotmeshRPC.Get', 'id-'])).Id, 'id-');
  t.is(await ok(['debug', 'DotmeshRPC.Delete', '{"Name":"shop"}', '--parse-json']), 'null\n');
  t.deepEqual(last()?.params, { Name: 'shop' });
  t.is((await home.built(['debug', 'DotmeshRPC.Get', 'id-none'])).code, 1);
  t.regex(
    (await home.built(['debug', 'DotmeshRPC.Nothing'])).err,
    /^This server can't answer DotmeshRPC\.Nothing\./,
  );
  t.regex((await home.built(['debug'])).err, /^No method specified\. Usage: dm debug METHOD/);
});

test.serial('every command has an example in its help, and every example is a command line', async t => {
  const { ok } = await setUp(t);
  for (const { name, examples, hidden } of COMMANDS) {
    if (hidden) continue;
    t.true(examples.length > 0, name);
    for (const line of examples) t.true(line === name || line.startsWith(`${name} `), line);
  }
  t.regex(await ok(['reset', '--help']), /Examples:\n {2}dm reset HEAD\n {2}dm reset --hard HEAD\^\n/);
  t.notRegex(await ok(['help']), /__complete/);
});

test.serial('there are colours on a terminal, unless NO_COLOR is set, and none in a pipe', async t => {
  const { ok } = await setUp(t);
  const painted = (isTTY: boolean, env: Record<string, string>) =>
    painter({
      stdin: process.stdin,
      stdout: Object.assign(new PassThrough(), { isTTY }),
      stderr: new PassThrough(),
      env,
    })('red', 'x');
  t.is(painted(true, {}), '\u001b[31mx\u001b[39m');
  t.is(painted(true, { NO_COLOR: '1' }), 'x');
  t.is(painted(false, {}), 'x');
  for (const argv of [['log'], ['branch'], ['diff'], ['status']]) t.notRegex(await ok(argv), /\u001b/);
});

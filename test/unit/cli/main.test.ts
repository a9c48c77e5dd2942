import { PassThrough, Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { Input } from '../../../src/cli/command.ts';
import { main } from '../../../src/cli/main.ts';
import type { DotmeshVolume } from '../../../src/wire/methods.ts';
import { type FakeDotmesh, startFakeDotmesh } from '../../helpers/fake-dotmesh.ts';
import { configFor, type Home, makeHome } from '../../helpers/run-dm.ts';

const SERVER = '9f3ab2c1d4e5f607';
const REMOTE_LINE = "Current remote: local (use 'dm remote -v' to list and 'dm remote switch' to switch)\n\n";

function volume(namespace: string, name: string, more: Partial<DotmeshVolume> = {}): DotmeshVolume {
  return {
    Id: `id-${name}`,
    Name: { Namespace: namespace, Name: name },
    Branch: '',
    Master: SERVER,
    SizeBytes: 19456,
    DirtyBytes: 0,
    CommitCount: 1,
    ServerStates: { [SERVER]: 'active' },
    ServerStatuses: { [SERVER]: 'active: waiting, 3 snaps (v9)' },
    ForkParentId: '',
    ForkParentSnapshotId: '',
    ...more,
  };
}

const shop = volume('admin', 'webshop', { SizeBytes: 42803200, DirtyBytes: 1310720, CommitCount: 3 });
const logs = volume('bob', 'logs');
const LIST = { bob: { logs }, admin: { webshop: shop } };
const LIST_WITH_CONTAINERS = {
  bob: { logs: { Volume: logs, Containers: [] } },
  admin: {
    webshop: {
      Volume: shop,
      Containers: [
        { Name: '/db', Id: '1' },
        { Name: '/queue', Id: '2' },
      ],
    },
  },
};

async function setUp(
  t: ExecutionContext,
  handlers: Parameters<typeof startFakeDotmesh>[0],
  more: Record<string, unknown> = {},
): Promise<{ home: Home; server: FakeDotmesh }> {
  const home = makeHome();
  const server = await startFakeDotmesh(handlers);
  home.write(configFor(server.port, more));
  t.teardown(() => {
    home.remove();
    return server.close();
  });
  return { home, server };
}

const local = (home: Home) => (home.read()['Remotes'] as Record<string, Record<string, unknown>>)['local'];

test('list prints the table of the original, with the real branch', async t => {
  const { home } = await setUp(
    t,
    { ListWithContainers: () => LIST_WITH_CONTAINERS },
    { CurrentVolume: 'webshop', CurrentBranches: { webshop: 'bug-7' } },
  );
  const { code, out, err } = await home.dm(['list']);
  t.deepEqual([code, err], [0, '']);
  t.is(
    out,
    `${REMOTE_LINE}${[
      '  DOT       BRANCH  SERVER            CONTAINERS  SIZE       COMMITS  DIRTY',
      '  bob/logs  master  9f3ab2c1d4e5f607              19.00 kiB  1        -         ',
      '* webshop   bug-7   9f3ab2c1d4e5f607  /db,/queue  40.82 MiB  3        1.25 MiB  ',
    ].join('\n')}\n`,
  );
});

test('list -H prints seven fields, each followed by a TAB', async t => {
  const { home } = await setUp(t, { ListWithContainers: () => LIST_WITH_CONTAINERS });
  const { out } = await home.dm(['ls', '-H']);
  t.is(
    out,
    `bob/logs\tmaster\t${SERVER}\t\t19456\t1\t0\t\n` +
      `webshop\tmaster\t${SERVER}\t/db,/queue\t42803200\t3\t1310720\t\n`,
  );
});

test('list of an empty server prints the header only, and JSON is there for programs', async t => {
  const { home } = await setUp(t, { ListWithContainers: () => ({}) });
  t.is(
    (await home.dm(['list'])).out,
    `${REMOTE_LINE}  DOT  BRANCH  SERVER  CONTAINERS  SIZE  COMMITS  DIRTY\n`,
  );
  t.deepEqual(JSON.parse((await home.dm(['list', '--json'])).out), []);
});

test('names from the server can not steer the terminal', async t => {
  const nasty = '\u001b]0;x\u0007\u009b2J\u202e';
  const { home } = await setUp(t, {
    ListWithContainers: () => ({ admin: { [nasty]: { Volume: volume('admin', nasty), Containers: null } } }),
  });
  const { code, out } = await home.dm(['list', '-H']);
  t.is(code, 0);
  t.notRegex(out.replace(/[\t\n]/g, ''), /[\u0000-\u001f\u007f-\u009f\u202e]/);
});

test('an only dot becomes current by itself; with two, one has to be chosen', async t => {
  const only = await setUp(t, {
    List: () => ({ admin: { webshop: shop } }),
    Lookup: () => 'i',
    Get: () => shop,
  });
  t.is((await only.home.dm(['dot', 'show'])).code, 0);
  t.is(local(only.home)?.['CurrentVolume'], 'webshop');
  const two = await setUp(t, { List: () => LIST });
  const { code, err } = await two.home.dm(['dot', 'show']);
  t.is(code, 1);
  t.regex(err, /^No current dot is selected\..*\n$/);
});

test('init creates silently and makes current; a name that is taken is refused', async t => {
  const { home, server } = await setUp(t, { List: () => LIST, Create: () => true });
  t.deepEqual(await home.dm(['init', 'bob/new']), { code: 0, out: '', err: '' });
  t.deepEqual(server.calls.at(-1)?.params, { Namespace: 'bob', Name: 'new' });
  t.is(local(home)?.['CurrentVolume'], 'bob/new');
  t.deepEqual(await home.dm(['init', 'webshop']), {
    code: 1,
    out: '',
    err: 'Error: webshop exists already\n',
  });
});

test('init of a dot that List does not show says the same when Create refuses', async t => {
  const { home } = await setUp(t, {
    List: () => ({}),
    Create: () => {
      throw new Error('A volume called admin/x already exists with id 1');
    },
  });
  t.is((await home.dm(['init', 'x'])).err, 'Error: x exists already\n');
});

for (const [argv, text] of [
  [['init'], 'No dot name specified.'],
  [['init', 'a', 'b'], 'Too many arguments'],
  [['init', '@'], 'invalid dot name'],
  [['init', 'a/b/c'], 'NAMESPACE/VOLUME'],
  [['init', 'x'.repeat(51)], 'longer than 50'],
  [['list', 'x'], 'Too many arguments'],
  [['remote', 'nonsense'], 'Too many arguments'],
  [['cluster', 'init'], 'dm-linuxkit sets servers up'],
  [['push', 'hub'], "'dm push' comes with a later release"],
  [['dot', 'set-upstream', 'hub', 'x'], "'dm dot set-upstream' comes with a later release"],
] as const) {
  test(`dm ${argv.join(' ').slice(0, 30)} is refused in one line, before any call`, async t => {
    const { home, server } = await setUp(t, {});
    const { code, out, err } = await home.dm([...argv]);
    t.deepEqual([code, out, server.calls], [1, '', []]);
    t.true(err.includes(text), err);
    t.regex(err, /^[^\n]+\n$/);
  });
}

for (const argv of [['nonsense'], ['list', '--nonsense'], ['dot', 'nonsense'], ['help', 'nonsense']]) {
  test(`dm ${argv.join(' ')} is the parser's to refuse: 255, with usage`, async t => {
    const { home } = await setUp(t, {});
    const { code, out, err } = await home.dm(argv);
    t.deepEqual([code, out], [255, '']);
    t.regex(err, /nonsense[\s\S]*Usage:/);
  });
}

test('help goes to standard output, for all, a group and a command, wherever the flag stands', async t => {
  const { home } = await setUp(t, {});
  for (const argv of [
    [],
    ['help'],
    ['--help'],
    ['dot'],
    ['help', 'dot'],
    ['dot', 'show', '-h'],
    ['-h', 'list'],
  ]) {
    const { code, out, err } = await home.dm(argv);
    t.deepEqual([code, err], [0, ''], argv.join(' '));
    t.regex(out, /Usage: dm/);
  }
});

test('dot delete asks, and only the line Y deletes; the choice of that dot is forgotten', async t => {
  const { home, server } = await setUp(
    t,
    { Delete: () => true, Lookup: () => 'M', Get: () => shop },
    { CurrentVolume: 'webshop', CurrentBranches: { webshop: 'b' } },
  );
  for (const input of [['y\n'], ['Yes\n'], []]) {
    const { code, out } = await home.dm(['dot', 'delete', 'webshop'], { input });
    t.is(code, 0);
    t.regex(out, /^branch master: 3 commits, 40\.82 MiB, 1\.25 MiB of it uncommitted\n/);
    t.regex(out, /\(enter Y to continue\): Aborted\.\n$/);
  }
  t.false(server.calls.some(({ method }) => method.endsWith('Delete')));
  t.is((await home.dm(['dot', 'delete', 'webshop'], { input: ['Y\n'] })).code, 0);
  t.deepEqual([local(home)?.['CurrentVolume'], local(home)?.['CurrentBranches']], ['', {}]);
});

test('what a server refuses is shown as it says it, in one line', async t => {
  const { home } = await setUp(t, {
    Delete: () => {
      throw new Error('No such filesystem named\n\u001b[2Jadmin/x');
    },
  });
  const { code, err } = await home.dm(['dot', 'delete', '-f', 'x']);
  t.is(code, 1);
  t.regex(err, /^No such filesystem named \\u001b\[2Jadmin\/x\. 'dm list' [^\n]*\n$/);
});

const BUG_7 = volume('admin', 'webshop', { Branch: 'bug-7' });
const SHOW = {
  Lookup: ({ Branch }: { Branch: string }) => (Branch === '' ? 'M' : 'B'),
  Get: (id: string) => (id === 'M' ? shop : BUG_7),
  Branches: () => ['bug-7'],
  Containers: () => [{ Name: '/db', Id: '1' }],
  GetReplicationLatencyForBranch: ({ Branch }: { Branch: string }) => ({
    [SERVER]: [],
    '77aa': Branch === '' ? [] : ['c1', 'c2'],
  }),
};

test('dot show -H prints its facts in the order that scripts know', async t => {
  const { home } = await setUp(t, SHOW, {
    CurrentVolume: 'webshop',
    CurrentBranches: { webshop: 'bug-7' },
    DefaultRemoteVolumes: { admin: { webshop: { Namespace: 'alice', Name: 'shop' } } },
  });
  const { out } = await home.dm(['dot', 'show', '-H', 'webshop']);
  t.deepEqual(out.trimEnd().split('\n'), [
    'namespace\tadmin',
    'name\twebshop',
    'masterBranchId\tM',
    'selected',
    'commitCount\t3',
    'size\t42803200',
    'dirty\t1310720',
    'currentBranch\tbug-7',
    'branch\tM\tmaster',
    'latency\t77aa\treplica\t',
    `latency\t${SERVER}\tmaster\tactive: waiting, 3 snaps (v9)`,
    'branch\tB\tbug-7',
    'container\tbug-7\t/db',
    'latency\t77aa\treplica\t\tc1\tc2',
    `latency\t${SERVER}\tmaster\tactive: waiting, 3 snaps (v9)`,
    'defaultUpstreamDot\tlocal\talice/shop',
  ]);
});

test('dot show says for people which branches are up to date and what is missing', async t => {
  const { home } = await setUp(t, SHOW);
  const { out } = await home.dm(['dot', 'show', 'webshop']);
  t.is(
    out,
    [
      'Dot admin/webshop:',
      'Master branch ID: M',
      'Commits: 3',
      'Dot size: 40.82 MiB (1.25 MiB dirty)',
      'Branches:',
      '* master (M) (containers: /db)',
      '   Replication Status:',
      '    server 77aa          (status: ) is up to date',
      `    server ${SERVER} [MASTER] (status: active: waiting, 3 snaps (v9)) is up to date`,
      '  bug-7 (B)',
      '   Replication Status:',
      '    server 77aa          (status: ) is missing [c1 c2]',
      `    server ${SERVER} [MASTER] (status: active: waiting, 3 snaps (v9)) is up to date`,
      '',
    ].join('\n'),
  );
});

test('dot show works with a server that has neither branches nor replicas', async t => {
  const { home } = await setUp(t, { Lookup: () => 'M', Get: () => shop });
  const { code, out, err } = await home.dm(['dot', 'show', 'webshop']);
  t.deepEqual([code, err], [0, '']);
  t.regex(out, /server .* is up to date/);
});

test('version names six words after its first line, and never "uninitialized"', async t => {
  const { home } = await setUp(t, {
    Version: () => ({ installed_version: 'uninitialized', outdated: false }),
  });
  const { code, out } = await home.dm(['version', 'ignored']);
  t.is(code, 0);
  t.regex(out, /^Current remote: local .*\n\nClient:\n\tVersion: [\w.-]+\nServer:\n\tVersion: unknown\n$/);
});

test('version tells its own half when no server answers, and is content when there is none', async t => {
  const { home, server } = await setUp(t, {});
  await server.close();
  const { code, out, err } = await home.dm(['version']);
  t.is(code, 1);
  t.regex(out, /Client:\n\tVersion: /);
  t.regex(
    err,
    new RegExp(`^Unable to connect to 127\\.0\\.0\\.1:${server.port}: the connection was refused\\.`),
  );
  t.is((await home.dm(['-c', `${home.config}.none`, 'version'])).code, 0);
});

test('remote add takes a key from a pipe, without a newline and in pieces, and becomes current', async t => {
  const server = await startFakeDotmesh({ Ping: () => true });
  const home = makeHome();
  t.teardown(async () => {
    home.remove();
    await server.close();
  });
  const add = ['remote', 'add', 'hub', `admin@127.0.0.1:${server.port}`];
  const wrong = await home.dm(add, { input: ['nokey\n'] });
  t.is(wrong.err, 'Permission denied. Please check that your API key is still valid.\n');
  t.throws(home.read, { code: 'ENOENT' });

  const { code, out } = await home.dm(add, { input: ['k', 'ey'] });
  t.is(code, 0);
  t.regex(out, /^API key: \nRemote added\.\nSwitched to hub/);
  t.deepEqual(home.read(), {
    ...configFor(server.port),
    CurrentRemote: 'hub',
    Remotes: { hub: configFor(server.port).Remotes.local },
  });
  t.regex((await home.dm(add)).err, /^Remote exists/);
});

test('remote add takes the key from the environment and leaves standard input alone', async t => {
  const { home, server } = await setUp(t, { Ping: () => true });
  const { code, out } = await home.dm(['remote', 'add', 'hub', `admin@127.0.0.1:${server.port}`], {
    env: { DOTMESH_PASSWORD: 'key' },
  });
  t.deepEqual([code, out], [0, 'Remote added.\n']);
});

for (const keys of [
  ['kez', '\u007f\u007f', 'ey\u001b[A', '\r'],
  ['oops\u0015', 'key\r'],
]) {
  test(`on a terminal the key is not shown and can be corrected: ${JSON.stringify(keys)}`, async t => {
    const { home, server } = await setUp(t, { Ping: () => true });
    const { stdin, modes } = makeTerminal(keys);
    const { code, out } = await home.dm(['remote', 'add', 'hub', `admin@127.0.0.1:${server.port}`], {
      stdin,
    });
    t.deepEqual([code, out, modes], [0, 'API key: \nRemote added.\n', [true, false]]);
  });
}

test('Ctrl-C at the prompt says interrupted, stores nothing and sets the terminal back', async t => {
  const { home, server } = await setUp(t, { Ping: () => true });
  const terminal = makeTerminal(['half', '\u0003']);
  const { code, err } = await home.dm(['remote', 'add', 'hub', 'admin@h'], { stdin: terminal.stdin });
  t.deepEqual([code, err, terminal.modes], [1, 'interrupted\n', [true, false]]);
  t.is(server.calls.length, 0);
});

function makeTerminal(pieces: string[]): { stdin: Input; modes: boolean[] } {
  const stdin: Input = new PassThrough({ objectMode: true });
  const modes: boolean[] = [];
  stdin.isTTY = true;
  stdin.setRawMode = raw => modes.push(raw);
  for (const piece of pieces) (stdin as PassThrough).write(piece);
  return { stdin, modes };
}

for (const address of [
  'h',
  '@h',
  'a@',
  'a@h:',
  'a@h:x',
  'a@h:0',
  'a@h:65536',
  'a@::1',
  'a@h/x',
  'a:b@h',
  'a@h:1\n',
]) {
  test(`remote add refuses ${JSON.stringify(address)} and says what it should read`, async t => {
    const { home } = await setUp(t, {});
    const { code, err } = await home.dm(['remote', 'add', 'x', address], {
      env: { DOTMESH_PASSWORD: 'key' },
    });
    t.is(code, 1);
    t.regex(err, /USER@HOST\[:PORT\]/);
  });
}

test('remote lists servers and S3 together, marks the current one, and shows no key', async t => {
  const { home } = await setUp(t, {});
  home.write({ ...configFor(1), S3Remotes: { bucket: { KeyID: 'AK', SecretKey: 'SK' } } });
  t.is((await home.dm(['remote'])).out, 'bucket\nlocal\n');
  t.is((await home.dm(['remote', '--verbose'])).out, '  bucket\tAK\n* local\tadmin@127.0.0.1\n');
  const { out } = await home.dm(['remote', '--json']);
  t.deepEqual(
    JSON.parse(out).map(({ name, current }: { name: string; current: boolean }) => [name, current]),
    [
      ['bucket', false],
      ['local', true],
    ],
  );
  t.notRegex(out, /SK|"key"/);
  t.regex((await home.dm(['remote', 'switch', 'bucket'])).err, /S3 remote/);
  t.deepEqual(await home.dm(['remote', 'rm', 'local']), { code: 0, out: '', err: '' });
  t.regex((await home.dm(['list'])).err, /^No such remote ''/);
});

test('--verbose shows requests and answers, and no key', async t => {
  const { home } = await setUp(t, { List: () => ({ admin: { key: volume('admin', 'key') } }) });
  const { out } = await home.dm(['--verbose', 'switch', 'nothing']);
  t.regex(out, /^Request:\n\{.*DotmeshRPC\.List.*\}\nResponse:\n\{.*\}\n$/);
  t.notRegex(out, /key|YWRtaW46a2V5/);
});

test('a reader that has gone is no failure, a full disk is one', async t => {
  const { home } = await setUp(t, {});
  const io = (code: string, err: string[]) => ({
    stdin: new PassThrough(),
    env: { HOME: home.config },
    stdout: failing(code),
    stderr: new Writable({
      write(chunk, _encoding, done) {
        err.push(String(chunk));
        done();
      },
    }),
  });
  const lines: string[] = [];
  t.is(await main(['help'], io('EPIPE', lines)), 0);
  t.deepEqual(lines, []);
  t.is(await main(['help'], io('ENOSPC', lines)), 1);
  t.regex(lines.join(''), /can not be written \(ENOSPC\)/);
});

function failing(code: string): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error(code), { code }));
    },
  });
}

test('a configuration folder that can not be made is the original 255', async t => {
  const { home, server } = await setUp(t, { Ping: () => true });
  const { code, err } = await home.dm(
    ['-c', `${home.config}/sub/config`, 'remote', 'add', 'a', `admin@127.0.0.1:${server.port}`],
    { env: { DOTMESH_API_KEY: 'key' } },
  );
  t.is(code, 255, err);
});

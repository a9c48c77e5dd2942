// Commits, branches and tags: the built client against a stand-in server with a dot in memory.
import test, { type ExecutionContext } from 'ava';
import { type FakeDot, fakeDot } from '../../helpers/fake-dot.ts';
import { type FakeDotmesh, startFakeDotmesh } from '../../helpers/fake-dotmesh.ts';
import { configFor, type Home, makeHome } from '../../helpers/run-dm.ts';

interface Bench {
  home: Home;
  dot: FakeDot;
  server: FakeDotmesh;
  /** Standard output of a command that must succeed. */
  ok(...argv: string[]): Promise<string>;
  /** Standard error of one that must fail, in one line. */
  fails(...argv: string[]): Promise<string>;
  branch(): string;
}

async function setUp(
  t: ExecutionContext,
  kind: Parameters<typeof fakeDot>[0] = {},
  more: Record<string, unknown> = {},
): Promise<Bench> {
  const home = makeHome();
  const dot = fakeDot(kind);
  const server = await startFakeDotmesh(dot.handlers);
  home.write(configFor(server.port, { CurrentVolume: 'shop', ...more }));
  t.teardown(() => {
    home.remove();
    return server.close();
  });
  return {
    home,
    dot,
    server,
    async ok(...argv) {
      const { code, out, err } = await home.built(argv);
      t.is(code, 0, `dm ${argv.join(' ')}: ${err}`);
      return out;
    },
    async fails(...argv) {
      const { code, out, err } = await home.built(argv);
      t.deepEqual([code, out], [1, ''], `dm ${argv.join(' ')}: ${err}`);
      return err;
    },
    branch() {
      const { local } = home.read()['Remotes'] as Record<string, { CurrentBranches: Record<string, string> }>;
      return local?.CurrentBranches?.['shop'] ?? 'master';
    },
  };
}

/** Three commits on master; `bug-7` with one of its own, made of the second. */
function grow(dot: FakeDot): void {
  dot.commit('', '2222bbbb');
  dot.commit('', '2222cccc');
  dot.branches.set('bug-7', { commits: [], origin: { branch: '', id: '2222bbbb' }, dirtyBytes: 0 });
  dot.commit('bug-7', '3333dddd');
}

test.serial('commit prints the id and sends message and metadata as they were written', async t => {
  const { ok, server } = await setUp(t);
  const id = await ok(
    'commit',
    '-m',
    '- first\nline',
    '-d',
    '#commit-id=my-id,apples=green',
    '--metadata',
    'e=a=b',
  );
  t.is(id, 'my-id\n');
  t.deepEqual(server.calls.at(-1)?.params, {
    Namespace: 'admin',
    Name: 'shop',
    Branch: '',
    Message: '- first\nline',
    Metadata: { '#commit-id': 'my-id', apples: 'green', e: 'a=b' },
  });
  t.deepEqual(JSON.parse(await ok('commit', '-m', 'x', '-d', '#commit-id=two', '--json')), {
    namespace: 'admin',
    name: 'shop',
    branch: 'master',
    id: 'two',
  });
});

test.serial('commit refuses in the words that scripts know, before any call where it can', async t => {
  const { fails, server } = await setUp(t);
  t.regex(await fails('commit'), /^Please provide a commit message\. [^\n]*dm commit -m[^\n]*\n$/);
  t.regex(await fails('commit', '-m', ''), /^Please provide a commit message/);
  t.regex(
    await fails('commit', '-m', 'x', '-d', 'nothing'),
    /^Each metadata value must be a name=value pair: nothing\n$/,
  );
  t.is(server.calls.length, 0);
  t.regex(
    await fails('commit', '-m', 'x', '-d', 'Upper=x'),
    /^Metadata field names must start with lowercase characters: Upper\n$/,
  );
});

test.serial(
  'log shows what a branch inherits, dates and tags; -H is the original page of its own commits',
  async t => {
    const { ok, dot } = await setUp(t, {}, { CurrentBranches: { shop: 'bug-7' } });
    grow(dot);
    dot.tags.set('v1', '2222bbbb');
    dot.commit('bug-7', '4444eeee', { message: 'two\nlines', zebra: '1', apples: 'green' });
    t.is(
      await ok('log', '-n', '3'),
      [
        'commit 2222bbbb (inherited from master, tag: v1)',
        'author: alice',
        'date: 2020-04-27T15:06:41Z',
        '',
        '    message of 2222bbbb',
        '',
        'commit 3333dddd',
        'author: alice',
        'date: 2020-04-27T15:06:40Z',
        '',
        '    message of 3333dddd',
        '',
        'commit 4444eeee',
        'author: alice',
        'date: 2020-04-27T15:06:41Z',
        'apples: green',
        'zebra: 1',
        '',
        '    two',
        '    lines',
        '',
        '',
      ].join('\n'),
    );
    t.is(
      await ok('log', '-H', '--branch', 'bug-7', '-n', '2', '--reverse'),
      'commit 4444eeee\nauthor: alice\ndate: 1588000001123456789\napples: green\nzebra: 1\n\n    two\nlines\n\n' +
        'commit 3333dddd\nauthor: alice\ndate: 1588000000123456789\n\n    message of 3333dddd\n\n',
    );
    const [newest] = JSON.parse(await ok('log', '--json', '--reverse', '-n', '1'));
    t.deepEqual(newest, {
      id: '4444eeee',
      author: 'alice',
      message: 'two\nlines',
      date: '2020-04-27T15:06:41Z',
      timestamp: '1588000001123456789',
      metadata: { apples: 'green', zebra: '1' },
      branch: 'bug-7',
      inherited: false,
      tags: [],
    });
  },
);

test.serial('text of a commit can not steer the terminal', async t => {
  const { ok, dot } = await setUp(t);
  dot.commit('', '2222bbbb', {
    message: '\u001b]0;x\u0007\u009b2J',
    author: 'eve\nauthor: admin',
    'k\u001b': 'v',
  });
  for (const form of [[], ['-H']]) {
    t.notRegex((await ok('log', ...form)).replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/);
  }
  t.notRegex(await ok('log', '-n', '1'), /^author: admin/m);
});

test.serial('names of files and messages keep their blanks where programs read them', async t => {
  const { ok, dot } = await setUp(t);
  dot.handlers.DiffCommits = () => ({ Files: [{ change: '+', filename: 'a\tb\n ' }] });
  t.is(await ok('diff', '-H'), '+\ta\\u0009b\\u000a \n');
  t.is(JSON.parse(await ok('diff', '--json')).files[0].name, 'a\tb\n ');
  dot.commit('', '2222bbbb', { message: 'two  \nlines ', key: 'x ' });
  t.regex(await ok('log', '-H'), /\nkey: x \n\n {4}two {2}\nlines \n\n$/);
});

test.serial('every way to name a commit leads to it', async t => {
  const { ok, fails, dot } = await setUp(t);
  grow(dot);
  dot.tags.set('v1', '1111aaaa');
  for (const [text, id] of [
    ['HEAD', '2222cccc'],
    ['HEAD^', '2222bbbb'],
    ['HEAD~2', '1111aaaa'],
    ['2222bbbb', '2222bbbb'],
    ['2222b', '2222bbbb'],
    ['2222c~1', '2222bbbb'],
    ['v1', '1111aaaa'],
    ['bug-7', '3333dddd'],
    ['bug-7^', '2222bbbb'],
    ['3333', '3333dddd'],
    ['3333dddd~2', '1111aaaa'],
  ] as const) {
    t.is(JSON.parse(await ok('diff', text, '--json')).from, id, text);
  }
  t.regex(await fails('diff', '2222'), /^'2222' is the beginning of 2 commit ids\. [^\n]*\n$/);
  t.regex(await fails('diff', 'nothing'), /^No commits match 'nothing' of shop@master\. 'dm log'/);
  t.regex(await fails('diff', '222'), /^No commits match/);
  t.regex(await fails('diff', 'HEAD~3'), /^Commits don't go back that far/);
  t.regex(await fails('diff', 'HEAD^2'), /^'HEAD\^2' names no commit/);
});

test.serial('reset without --hard loses nothing: it lists what would be lost, and calls nothing', async t => {
  const { home, dot, server, ok } = await setUp(t);
  grow(dot);
  dot.branches.set('late', { commits: [], origin: { branch: '', id: '2222cccc' }, dirtyBytes: 0 });
  const main = dot.branches.get('');
  if (main) main.dirtyBytes = 2048;
  const { code, out, err } = await home.built(['reset', 'HEAD^']);
  t.deepEqual([code, out], [1, '']);
  t.is(
    err,
    [
      'would be lost: commit 2222cccc message of 2222cccc',
      'would be lost: branch late, which grows from one of them',
      'would be lost: 2.00 kiB of uncommitted changes',
      'A reset of shop@master would destroy 1 commit, 1 branch and 2.00 kiB of uncommitted changes. ' +
        "'dm reset --hard HEAD^' does it all the same.",
      '',
    ].join('\n'),
  );
  t.false(server.calls.some(({ method }) => method.endsWith('.Rollback')));
  if (main) main.dirtyBytes = 0;
  t.is(await ok('reset', 'HEAD'), '');
  t.like(server.calls.at(-1)?.params, { IfNothingLost: true });
});

test.serial(
  'reset --hard names what it destroys before it does, and is silent on standard output',
  async t => {
    const { home, dot, ok } = await setUp(t);
    grow(dot);
    const { code, out, err } = await home.built(['reset', '--hard', '2222b']);
    t.deepEqual([code, out, err], [0, '', 'destroying: commit 2222cccc message of 2222cccc\n']);
    t.deepEqual(
      dot.branches.get('')?.commits.map(({ Id }) => Id),
      ['1111aaaa', '2222bbbb'],
    );
    const { destroyed } = JSON.parse(await ok('reset', '--hard', 'HEAD^', '--json'));
    t.deepEqual(destroyed, { commits: ['2222bbbb'], branches: ['bug-7'], dirtyBytes: 0, subdots: [] });
  },
);

test.serial('reset names the processes that have files open, and --force goes on', async t => {
  const { dot, fails, ok } = await setUp(t);
  grow(dot);
  dot.open = [{ Pid: 42, Command: 'postgres' }];
  t.regex(await fails('reset', '--hard', 'HEAD^'), /^Files of shop@master are open in postgres \(42\)\. /);
  t.is(dot.branches.get('')?.commits.length, 3);
  await ok('reset', '--hard', '--force', 'HEAD^');
  t.is(dot.branches.get('')?.commits.length, 2);
});

test.serial(
  'a branch can not be reset behind the commit it was made of; reset says how to get there',
  async t => {
    const { dot, fails } = await setUp(t);
    grow(dot);
    t.regex(
      await fails('reset', '--branch', 'bug-7', '--hard', 'HEAD^'),
      /^Commit 2222bbbb was made on branch master, and shop@bug-7 can't go back to it\. 'dm checkout -b NAME 2222bbbb'/,
    );
  },
);

test.serial('branches are made of any commit, listed, renamed and deleted', async t => {
  const { home, dot, ok, fails, branch, server } = await setUp(t);
  grow(dot);
  t.is(await ok('branch', 'old', 'bug-7^^'), '');
  t.deepEqual(dot.branches.get('old')?.origin, { branch: '', id: '1111aaaa' });
  t.is(await ok('branch', 'next'), '');
  t.deepEqual(dot.branches.get('next')?.origin, { branch: '', id: '2222cccc' });
  t.is(await ok('branch'), '  bug-7\n* master\n  next\n  old\n');
  t.is(await ok('branch', '-H'), 'bug-7\nmaster\tcurrent\nnext\nold\n');
  t.regex(await fails('branch', 'old'), /^Branch already exists: old\. 'dm checkout old'/);
  t.regex(await fails('branch', 'a b'), /^invalid branch name/);
  await ok('checkout', 'old');
  await ok('branch', '-m', 'older');
  t.is(branch(), 'older');
  t.regex(
    await fails('branch', '-d', 'older'),
    /^Branch older is checked out\. 'dm checkout master' first\.\n$/,
  );
  const { code, err } = await home.built(['branch', '-d', 'bug-7']);
  t.deepEqual([code, err], [0, 'destroying: commit 3333dddd message of 3333dddd\n']);
  t.deepEqual([...dot.branches.keys()].sort(), ['', 'next', 'older']);
  t.regex(await fails('branch', '-d', 'bug-7'), /^Branch does not exist: bug-7\./);
  t.regex(await fails('branch', '-d', 'master'), /^The branch master can be neither/);
  t.is(server.calls.filter(({ method }) => method.endsWith('.DeleteBranch')).length, 1);
});

test.serial('checkout switches here and on the server, and says what stays behind', async t => {
  const { home, dot, ok, fails, branch } = await setUp(t, {}, { CurrentBranches: { 'admin/shop': 'bug-7' } });
  grow(dot);
  t.regex(await ok('list', '-H'), /^shop\tbug-7\t/);
  await ok('checkout', 'master');
  t.is(branch(), 'master');
  const main = dot.branches.get('');
  if (main) main.dirtyBytes = 2048;
  const made = await home.built(['checkout', '-b', 'bug-8']);
  t.deepEqual(made, { code: 0, out: '', err: '2.00 kiB of uncommitted changes stay on branch master.\n' });
  t.deepEqual([branch(), dot.mounted, main?.dirtyBytes], ['bug-8', 'bug-8', 2048]);
  t.regex(await ok('list', '-H'), /^shop\tbug-8\t/);
  t.regex(await fails('checkout', '-b', 'bug-8'), /^Branch already exists: bug-8\./);
  t.regex(await fails('checkout', 'bug-9'), /^Branch does not exist: bug-9\. 'dm checkout -b bug-9'/);
  t.regex(await fails('checkout'), /^Please give me a branch name\./);
  dot.open = [{ Pid: 42, Command: 'postgres' }];
  t.regex(await fails('checkout', 'master'), /postgres \(42\)/);
  t.is(branch(), 'bug-8');
  await ok('checkout', '--force', 'master');
  t.deepEqual([branch(), dot.mounted], ['master', '']);
});

test.serial(
  'to who is not admin the branch is current all the same, and dm says what was not done',
  async t => {
    const { home, branch, dot } = await setUp(t, { admin: false });
    const { code, out, err } = await home.built(['checkout', '-b', 'x']);
    t.deepEqual([code, out, branch(), dot.mounted], [0, '', 'x', '']);
    t.regex(err, /^What is mounted on the server was not switched: only the user admin may do that\.\n$/);
  },
);

test.serial('tags are set, moved, listed and taken away', async t => {
  const { dot, ok, fails } = await setUp(t);
  grow(dot);
  t.is(await ok('tag', 'v1', 'HEAD^'), '');
  await ok('tag', 'now');
  await ok('tag', 'fix', 'bug-7');
  t.is(
    await ok('tag'),
    'fix  3333dddd  message of 3333dddd\nnow  2222cccc  message of 2222cccc\nv1   2222bbbb  message of 2222bbbb\n',
  );
  t.is(await ok('tag', '-H'), 'fix\t3333dddd\tbug-7\nnow\t2222cccc\tmaster\nv1\t2222bbbb\tmaster\n');
  await ok('tag', 'v1', 'now');
  t.is(dot.tags.get('v1'), '2222cccc');
  await ok('tag', '-d', 'v1');
  t.deepEqual([...dot.tags.keys()], ['now', 'fix']);
  t.regex(await fails('tag', '-d', 'v1'), /^There is no tag 'v1'\n$/);
  t.regex(await fails('tag', '-d', 'now', 'fix'), /^Too many arguments, from 'fix' on\./);
  t.regex(await fails('tag', 'a^b'), /^'a\^b' is no name for a tag\./);
});

test.serial('status and diff tell people and scripts what changed', async t => {
  const { dot, ok } = await setUp(t);
  const main = dot.branches.get('');
  t.regex(
    await ok('status'),
    /^Dot admin\/shop, branch master\nNewest commit: 1111aaaa Initial commit\n.*\nAll is committed\.\n$/,
  );
  if (main) main.dirtyBytes = 2048;
  t.regex(
    await ok('status'),
    /\n2\.00 kiB of uncommitted changes\nSizes of the changed files, by subdot:\n {2}orders {2}2\.00 kiB\n$/,
  );
  t.is(
    await ok('status', '-H'),
    'namespace\tadmin\nname\tshop\nbranch\tmaster\nhead\t1111aaaa\nsize\t4096\ndirty\t2048\n' +
      'subdot\t__default__\t0\nsubdot\torders\t2048\n',
  );
  t.is(await ok('diff'), '+ __default__/from-1111aaaa\nR orders/to-now -> orders/new\n');
  t.is(
    await ok('diff', 'HEAD', 'HEAD', '-H'),
    '+\t__default__/from-1111aaaa\nR\torders/new\torders/to-1111aaaa\n',
  );
});

test.serial('the JSON documents have the members that docs/dm.md names', async t => {
  const { dot, ok } = await setUp(t);
  grow(dot);
  const members = async (...argv: string[]) => {
    const document: unknown = JSON.parse(await ok(...argv, '--json'));
    return Object.keys((Array.isArray(document) ? document[0] : document) as object).join(' ');
  };
  const at = 'namespace name';
  t.is(await members('list'), `${at} current branch server containers sizeBytes commits dirtyBytes`);
  t.is(await members('status'), `${at} branch head sizeBytes dirtyBytes subdots`);
  t.is(await members('commit', '-m', 'x'), `${at} branch id`);
  t.is(await members('log'), 'id author message date timestamp metadata branch inherited tags');
  t.is(await members('diff'), `${at} branch from to files`);
  t.is(await members('tag', 'v1'), `${at} tag id branch`);
  t.is(await members('tag'), 'tag id branch');
  t.is(await members('reset', 'HEAD'), `${at} branch id destroyed`);
  t.is(await members('branch', 'b'), `${at} branch id`);
  t.is(await members('branch'), 'name current');
  t.is(await members('branch', '-m', 'b', 'c'), `${at} from branch`);
  t.is(await members('branch', '-d', 'c'), `${at} branch destroyed`);
  t.is(await members('checkout', 'bug-7'), `${at} branch created switched`);
  t.is(
    await members('dot', 'show'),
    `${at} masterBranchId selected commits sizeBytes dirtyBytes currentBranch branches subdots upstreams notes`,
  );
  t.is(await members('switch', 'shop'), at);
});

test.serial(
  '--dot, --branch and --remote stand for the current ones, before and after the command',
  async t => {
    const { home, dot, ok, fails } = await setUp(t);
    grow(dot);
    const config = home.read() as { Remotes: Record<string, unknown>; CurrentRemote: string };
    const { local } = config.Remotes;
    home.write({
      ...config,
      CurrentRemote: 'gone',
      Remotes: { local, gone: { ...(local as object), Port: 1 } },
    });
    t.regex(
      await ok('--remote', 'local', '--dot=admin/shop', '--branch', 'bug-7', 'log', '-H'),
      /^commit 3333dddd\n/,
    );
    t.regex(await ok('log', '--remote=local', '--branch', 'bug-7', '-H'), /^commit 3333dddd\n/);
    t.regex(
      await fails('log', '--remote', 'local', '--dot', 'bob/shop'),
      /^No such filesystem named 'bob\/shop'\. 'dm list' shows/,
    );
    t.regex(await fails('log', '--remote', 'nowhere'), /^No such remote 'nowhere'\./);
  },
);

test.serial(
  'with an original server dm does without, or says in one sentence what that server can not',
  async t => {
    const { home, dot, ok } = await setUp(t, { additive: false });
    grow(dot);
    t.regex(await ok('log'), /^commit 1111aaaa\n[\s\S]*commit 2222cccc\n/);
    t.regex(await ok('status'), /^Dot admin\/shop/);
    t.regex(await ok('dot', 'show'), /^Dot admin\/shop/);
    t.is(await ok('tag'), '');
    t.is(await ok('diff'), '+ __default__/a/b\n');
    for (const argv of [
      ['tag', 'x'],
      ['tag', '-d', 'x'],
      ['diff', 'HEAD^'],
      ['branch', '-d', 'bug-7'],
      ['branch', '-m', 'bug-7', 'b'],
      ['dot', 'rename', 'shop', 'x'],
      ['user', 'list'],
      ['reset', 'HEAD^'],
    ]) {
      const { code, err } = await home.built(argv);
      t.is(code, 1);
      t.regex(err, /(^|\n)This server can't [a-z ]+\. [^\n]+\n$/);
    }
    t.true(dot.branches.has('bug-7'));
    const { err } = await home.built(['reset', '--hard', 'HEAD^']);
    t.is(err, 'destroying: commit 2222cccc message of 2222cccc\n');
  },
);

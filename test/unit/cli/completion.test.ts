import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { whatIsWanted } from '../../../src/cli/completion.ts';
import { fakeDot } from '../../helpers/fake-dot.ts';
import { startFakeDotmesh } from '../../helpers/fake-dotmesh.ts';
import { configFor, makeHome, runChild } from '../../helpers/run-dm.ts';
import { DIST, NODE } from '../../helpers/server-bed.ts';

for (const [line, wanted] of [
  [['checkout', 'b'], { partial: 'b', kind: 'branch' }],
  [['checkout', '-b', 'new', ''], { kind: 'commit' }],
  [['reset', '--hard', 'HE'], { partial: 'HE', kind: 'commit' }],
  [['commit', '-m', ''], { kind: 'text' }],
  [['switch', ''], { kind: 'dot' }],
  [['--dot', ''], { kind: 'dot' }],
  [['--dot', 'shop', 'log', '--branch', ''], { kind: 'branch' }],
  [['log', '--dot=sh'], { partial: 'sh', before: '--dot=', kind: 'dot' }],
  [['log', '--dot', '=', 'sh'], { partial: 'sh', before: '', kind: 'dot' }],
  [['log', '--dot', '='], { partial: '', before: '', kind: 'dot' }],
  [['mount', 'shop', '/s'], { partial: '/s', kind: 'file' }],
  [['-c', ''], { kind: 'file' }],
  [['log', 'x'], { kind: undefined, words: [] }],
  [['dot', 'de'], { words: ['show', 'rename', 'fork', 'delete', 'smash-branch-master'] }],
  [['remote', ''], { words: ['add', 'rm', 'switch'] }],
  [['dot', 'delete', ''], { kind: 'dot' }],
  [['completion', ''], { kind: 'shell' }],
] as const) {
  test(`after dm ${JSON.stringify(line)}`, t => {
    t.like(whatIsWanted(line), wanted);
  });
}

test.serial('flags are those of the command', t => {
  const { words } = whatIsWanted(['reset', '--h']);
  t.true(words.includes('--hard') && words.includes('--branch') && !words.includes('--message'));
});

const SCRIPT = `
eval "$(dm completion bash)"
# What bash does on the TAB key: it looks up the function of the command, and calls it.
complete -p dm | grep -q -- "-F _dm_complete dm" || exit 9
COMP_WORDS=(dm "$@"); COMP_CWORD=$#
_dm_complete dm "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf "%s\\n" "\${COMPREPLY[@]}"
`;

/** A bash that has read `dm completion bash`, with the built dm in its PATH and a server behind it. */
async function setUp(t: ExecutionContext) {
  const home = makeHome();
  const folder = await mkdtemp(join(tmpdir(), 'dm-bash-'));
  await writeFile(join(folder, 'dm'), `#!/bin/sh\nexec "${NODE}" "${join(DIST, 'dm')}" "$@"\n`);
  await chmod(join(folder, 'dm'), 0o755);
  const dot = fakeDot();
  dot.branches.set('bug-7', { commits: [], origin: { branch: '', id: '1111aaaa' }, dirtyBytes: 0 });
  dot.branches.set('bug-8', { commits: [], origin: { branch: '', id: '1111aaaa' }, dirtyBytes: 0 });
  dot.tags.set('v1', '1111aaaa');
  const server = await startFakeDotmesh(dot.handlers);
  home.write(configFor(server.port, { CurrentVolume: 'shop' }));
  t.teardown(async () => {
    home.remove();
    await rm(folder, { recursive: true, force: true });
    await server.close();
  });
  const complete = async (...words: string[]) => {
    const env = {
      HOME: home.config.replace('/.dotmesh/config', ''),
      PATH: `${folder}:${process.env['PATH']}`,
      // A machine under load completes late.
      DM_COMPLETION_SECONDS: '100',
    };
    const { code, out, err } = await runChild(['bash', '-c', SCRIPT, 'bash', ...words], { input: '', env });
    t.deepEqual([code, err], [0, ''], words.join(' '));
    return out.split('\n').filter(line => line !== '');
  };
  return { complete, server, home };
}

test.serial('a real bash completes dots, branches, commits, remotes and commands', async t => {
  const { complete } = await setUp(t);
  t.deepEqual(await complete('checkout', 'bu'), ['bug-7', 'bug-8']);
  t.deepEqual(await complete('switch', ''), ['shop']);
  t.deepEqual(await complete('reset', '--hard', '1'), ['1111aaaa']);
  t.deepEqual(await complete('diff', ''), ['HEAD', 'v1', 'bug-7', 'bug-8', 'master', '1111aaaa']);
  t.deepEqual(await complete('log', '--remote', 'lo'), ['local']);
  t.deepEqual(await complete('tag', '-d', ''), ['v1']);
  t.deepEqual(await complete('log', '--dot', '=', 'shop', '--branch', '=', 'bug-8'), ['bug-8']);
  t.deepEqual(await complete('--dot=none', 'checkout', 'bu'), []);
  t.deepEqual(await complete('che'), ['checkout']);
  t.deepEqual(await complete('log', '--rev'), ['--reverse']);
});

test.serial(
  'without a server, and with names that mean harm, there is nothing to complete and no noise',
  async t => {
    const { complete, server, home } = await setUp(t);
    const config = home.read() as { Remotes: Record<string, unknown> };
    home.write({ ...config, Remotes: { ...config.Remotes, 'x\u001b[2J': config.Remotes['local'] } });
    t.deepEqual(await complete('remote', 'rm', ''), ['local']);
    await server.close();
    t.deepEqual(await complete('checkout', 'bu'), []);
  },
);

test.serial('zsh and fish have a script each, another shell is refused', async t => {
  const { home } = await setUp(t);
  t.regex((await home.built(['completion', 'zsh'])).out, /^#compdef dm\n/);
  t.regex((await home.built(['completion', 'fish'])).out, /complete -c dm /);
  t.regex((await home.built(['completion', 'ksh'])).err, /^There is no completion for 'ksh'\./);
});

// The command line of the built dm-linuxkit: what is wrong is told in one sentence, with exit code 2.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { FLAGS } from '../../src/provision/flags.ts';

const NODE = process.env['DM_NODE'] ?? process.execPath;
const PROGRAM = join(process.env['DM_DIST'] ?? 'dist', 'dm-linuxkit');
const DOT = ['--storage-device=/nowhere/disk', '--dot=a', '--mountpoint=/srv/a'];

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function runs(file: string, ...args: string[]): Promise<Ended> {
  return new Promise(resolve => {
    const child = execFile(file, args, { timeout: 120_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
const dmLinuxkit = (...args: string[]) => runs(NODE, PROGRAM, ...args);

test('help lists every flag, and a version is a line', async t => {
  const help = await dmLinuxkit('--help');
  t.is(help.code, 0);
  for (const { name } of FLAGS) t.regex(help.stdout, new RegExp(`--${name}\\b`));
  const version = await dmLinuxkit('-version');
  t.is(version.code, 0);
  t.regex(version.stdout, /^dm-linuxkit \d+\.\d+\.\d+\S*\n$/);
});

test('a Node that is too old is told in a line by each of the programs', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'node-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const fake = join(folder, 'old.cjs');
  const versions = "{ ...process.versions, node: '20.19.0' }";
  await writeFile(fake, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
  const nodes: string[][] = [[NODE, '-r', fake]];
  // The system's own, where that is one.
  const own = await runs('/usr/bin/node', '--version');
  if (Number(/^v(\d+)/.exec(own.stdout)?.[1] ?? 99) < 22) nodes.push(['/usr/bin/node']);
  for (const [node = '', ...how] of nodes) {
    for (const program of ['dm', 'dotmesh-server', 'dm-linuxkit']) {
      const { code, stdout, stderr } = await runs(node, ...how, join(dirname(PROGRAM), program), '--version');
      t.is(code, 1, stderr);
      t.is(stdout, '');
      t.regex(stderr, /^This program needs Node 22 or newer, and this is Node \d+\.\d+\.\d+\.\n$/);
    }
  }
});

for (const [what, pattern, args] of [
  ['nothing', /--storage-device is missing\.\n.*--dot, --mountpoint and --storage-device/, []],
  ['no dot', /--dot is missing/, DOT.slice(0, 1)],
  ['both ways to run', /--oneshot and --daemon exclude each other/, [...DOT, '--oneshot', '--daemon']],
  ['an unknown flag', /no flag --mountpiont\.\nDid you mean --mountpoint\?/, [...DOT, '--mountpiont=/b']],
  ['a size that is none', /--storage-size=10X is not a size/, [...DOT, '--storage-size=10X']],
  ['a time that is none', /--timeout=soon is not a duration/, [...DOT, '--timeout=soon']],
  ['a name as owner', /--owner=postgres .*\n.*id -u/, [...DOT, '--owner=postgres']],
  ['a hostile name', /"\.\.%2f" is no dot/, [...DOT.slice(0, 1), '--dot=..%2f', '--mountpoint=/srv/a']],
  ["Go's spelling", /"srv\/a" is not absolute/, ['-zpool-device', '/d', '-dot=a', '-mountpoint=srv/a']],
  ['a daemon that stops', /--daemon means nothing to "dm-linuxkit stop"/, ['stop', '--daemon']],
] as const) {
  test(`${what}: refused with what is wrong`, async t => {
    const { code, stdout, stderr } = await dmLinuxkit(...args);
    t.is(code, 2, stderr);
    t.regex(stderr, pattern);
    t.regex(stderr, /^dm-linuxkit: error: [^\n]+(\n[^\n]+)?\n$/);
    t.is(stdout, '');
  });
}

test('with --log-format=json the last line is JSON too, also when another flag is wrong', async t => {
  for (const [code, args] of [
    ['MISSING_FLAG', ['--log-level=silent']],
    ['UNKNOWN_FLAG', ['--mountpiont=/b']],
  ] as const) {
    const { code: exitCode, stderr } = await dmLinuxkit('-log-format=json', ...args);
    t.is(exitCode, 2, stderr);
    const last = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    t.like(last, { name: 'dm-linuxkit', kind: 'usage', code, exitCode: 2 });
    t.regex(`${last.msg} ${last.hint}`, /--storage-device|Did you mean/);
  }
});

/** Somebody who can read our files all the same, in a home directory that is closed to others. */
const NOBODY = [
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
  '--',
];

test('who is not root is told so, for stop as well', async t => {
  for (const args of [DOT, ['stop']]) {
    const { code, stderr } = await runs('setpriv', ...NOBODY, NODE, PROGRAM, ...args);
    t.is(code, 2, stderr);
    t.regex(stderr, /has to run as root/);
  }
});

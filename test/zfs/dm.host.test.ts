// The built dm client against the built server on a real pool.
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { until } from '../../src/lib/retry.ts';
import { sh } from '../helpers/disks.ts';
import { startProgram } from '../helpers/program.ts';
import { DIST, freePort, NODE, ServerBed } from '../helpers/server-bed.ts';

let bed: ServerBed;
test.before(async () => {
  bed = await ServerBed.make('dm');
  await bed.up();
  await mkdir(join(bed.at.folder, 'home'));
});
test.after.always(() => bed?.clear());

const config = () => join(bed.at.folder, 'home/.dotmesh/config');

async function dm(args: string[], input = ''): Promise<{ code: number | null; text: string }> {
  const env = {
    ...process.env,
    HOME: join(bed.at.folder, 'home'),
    DOTMESH_PASSWORD: '',
    DOTMESH_API_KEY: '',
  };
  const program = startProgram([NODE, join(DIST, 'dm'), ...args], { env, input });
  const { code } = await program.ended;
  refuseKey(program.text());
  return { code, text: program.text() };
}

/** The key is never printed, whatever is asked. */
function refuseKey(text: string): void {
  if (text.includes(bed.at.key)) throw new Error(`dm printed the key:\n${text}`);
}

async function quiet(t: ExecutionContext, ...args: string[]): Promise<void> {
  t.deepEqual(await dm(args), { code: 0, text: '' }, args.join(' '));
}

async function fails(t: ExecutionContext, args: string[], pattern: RegExp, input = ''): Promise<void> {
  const { code, text } = await dm(args, input);
  t.is(code, 1, text);
  t.regex(text, pattern);
}

const idOf = (Name: string) => bed.admin<string>('Lookup', { Namespace: 'admin', Name, Branch: '' });
const address = () => `admin@127.0.0.1:${bed.at.port}`;

test.serial('a server is added with the key from a pipe; with a wrong key it is not', async t => {
  await fails(t, ['remote', 'add', 'local', address()], /Permission denied/, 'a-wrong-key\n');
  await fails(t, ['list'], /remote/);
  const { code, text } = await dm(['remote', 'add', 'local', address()], bed.at.key);
  t.is(code, 0, text);
  t.regex(text, /Remote added\./);
  t.is((await stat(config())).mode & 0o777, 0o600);
  t.is(JSON.parse(await readFile(config(), 'utf8')).Remotes.local.ApiKey, bed.at.key);
  t.regex((await dm(['remote', '-v'])).text, /^\* local\tadmin@127\.0\.0\.1/m);
  const version = await dm(['version']);
  t.is(version.code, 0);
  t.regex(version.text, /Server:\n\tVersion: \d/);
});

test.serial('init makes a dot and makes it current; a second time it exists', async t => {
  const empty = await dm(['list', '-H']);
  t.deepEqual(empty, { code: 0, text: '' });
  await quiet(t, 'init', 'first');
  await quiet(t, 'init', 'second');
  await fails(t, ['init', 'second'], /exists/);
  const { text } = await dm(['list']);
  t.regex(text, /^\* second +master +[0-9a-f]+ .* 1 /m);
  t.regex(text, /^ {2}first +master /m);
  await quiet(t, 'switch', 'first');
  t.regex((await dm(['list'])).text, /^\* first /m);
  await fails(t, ['switch', 'third'], /third doesn't exist/);
});

test.serial('dot show tells the current dot to people and to scripts', async t => {
  const id = await idOf('first');
  const { code, text } = await dm(['dot', 'show']);
  t.is(code, 0, text);
  t.regex(text, /^Dot admin\/first:$/m);
  t.true(text.includes(`Master branch ID: ${id}\n`), text);
  t.regex(text, /^Commits: 1$/m);
  const fields = await dm(['dot', 'show', '-H', 'first']);
  t.is(fields.code, 0, fields.text);
  for (const line of ['namespace\tadmin', 'name\tfirst', `masterBranchId\t${id}`, 'commitCount\t1'])
    t.true(fields.text.split('\n').includes(line), `${line} in ${fields.text}`);
  await fails(t, ['dot', 'show', 'none'], /none/);
});

test.serial('what is written into a dot shows as dirty in list -H', async t => {
  await writeFile(bed.path(await idOf('first'), '__default__/data'), Buffer.alloc(2 ** 20, 7));
  // Sizes are those of the last transaction group; a snapshot ends one.
  await sh('zfs', 'snapshot', `${bed.at.pool}@now`);
  const dirty = await until(
    async () => {
      const { text } = await dm(['list', '-H']);
      const row = text.split('\n').find(line => line.startsWith('first\t')) ?? '';
      return row.split('\t').length === 8 && Number(row.split('\t')[6]) >= 2 ** 20;
    },
    { deadlineMs: 60_000, everyMs: 200 },
  );
  t.true(dirty);
  t.regex((await dm(['dot', 'show'])).text, /MiB dirty\)/);
});

test.serial('hostile names are refused and make nothing', async t => {
  const before = await bed.datasets();
  const names = [
    '..',
    '../x',
    'a/b/c',
    '/',
    'a@b',
    'a%',
    'a b',
    'ü',
    '',
    'a\n',
    'x'.repeat(51),
    'x'.repeat(65),
  ];
  for (const name of names) {
    await fails(t, ['init', '--', name], /name|empty|longer/i);
    await fails(t, ['dot', 'delete', '-f', '--', name], /name|empty/i);
  }
  t.deepEqual(await bed.datasets(), before);
});

test.serial('dot delete asks, -f does not, and a deleted dot is not the current one any more', async t => {
  const declined = await dm(['dot', 'delete', 'first'], 'n\n');
  t.is(declined.code, 0);
  t.regex(declined.text, /Aborted/);
  t.true((await bed.names()).includes('first'));
  await quiet(t, 'dot', 'delete', '-f', 'first');
  t.deepEqual(await bed.names(), ['second']);
  await fails(t, ['dot', 'delete', '-f', 'first'], /No such filesystem named 'admin\/first'/);
  t.regex((await dm(['list'])).text, /^\* second /m);
});

test.serial(
  'a server that is not there is told in one line, and so is a key that was taken back',
  async t => {
    const nowhere = `admin@127.0.0.1:${await freePort()}`;
    await fails(
      t,
      ['remote', 'add', 'gone', nowhere],
      /^API key: \nUnable to connect to 127\.0\.0\.1:\d+: [^\n]*\n$/,
      'key\n',
    );
    const { ApiKey } = (await bed.call('ResetApiKey', null, { auth: `admin:${bed.at.password}` })).result as {
      ApiKey: string;
    };
    await fails(t, ['list'], /^Permission denied\. Please check that your API key is still valid\.\n$/);
    bed.at.key = ApiKey;
    await bed.down();
    await fails(
      t,
      ['list'],
      /^Unable to connect to 127\.0\.0\.1:\d+: the connection was refused\. [^\n]*\n$/,
    );
  },
);

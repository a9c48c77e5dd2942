// What people who know git do, by the built dm against the built server on a real pool.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Home, makeHome, type Outcome } from '../helpers/run-dm.ts';
import { ServerBed } from '../helpers/server-bed.ts';

let bed: ServerBed;
let home: Home;
test.before(async () => {
  bed = await ServerBed.make('dm-git');
  await bed.up();
  home = makeHome();
  const { code, err } = await home.built(['remote', 'add', 'local', `admin@127.0.0.1:${bed.at.port}`], {
    input: bed.at.key,
  });
  if (code !== 0) throw new Error(err);
});
test.after.always(async () => {
  home?.remove();
  await bed?.clear();
});

const dm = (...args: string[]): Promise<Outcome> => home.built(args);
async function ok(t: ExecutionContext, ...args: string[]): Promise<string> {
  const { code, out, err } = await dm(...args);
  t.is(code, 0, `dm ${args.join(' ')}: ${err}`);
  return out;
}
async function fails(t: ExecutionContext, pattern: RegExp, ...args: string[]): Promise<void> {
  const { code, err } = await dm(...args);
  t.is(code, 1, `dm ${args.join(' ')}`);
  t.regex(err, pattern);
}
/** What is checked out, as a container has it. */
const path = (file: string) => join(bed.at.folder, 'container_mnt/admin/shop/__default__', file);
const write = async (file: string, text: string) => {
  await bed.admin('Procure', { Namespace: 'admin', Name: 'shop', Subdot: '__default__' });
  await writeFile(path(file), text);
};
const read = (file: string) => readFile(path(file), 'utf8').catch(() => undefined);
const messages = async (t: ExecutionContext, ...args: string[]): Promise<string[]> =>
  JSON.parse(await ok(t, 'log', '--json', ...args)).map(({ message }: { message: string }) => message);

test.serial('init, commit, log: the newest commit is the last, with its metadata', async t => {
  await ok(t, 'init', 'shop');
  await write('file', 'one');
  const id = await ok(t, 'commit', '-m', 'first', '-d', 'apples=green', '-d', 'empty=');
  t.regex(id, /^[0-9a-f-]{36}\n$/);
  await write('file', 'two');
  await ok(t, 'commit', '-m', 'second', '-d', '#commit-id=my-own-id');
  const log = await ok(t, 'log');
  t.regex(log, /apples: green/);
  t.regex(log, /empty: /);
  t.regex(log, /commit my-own-id/);
  t.deepEqual(await messages(t), ['Initial commit', 'first', 'second']);
  t.deepEqual(await messages(t, '--reverse', '-n', '1'), ['second']);
  await fails(
    t,
    /Metadata field names must start with lowercase characters: /,
    'commit',
    '-m',
    'x',
    '-d',
    'Bad=1',
  );
  await fails(t, /Each metadata value must be a name=value pair: /, 'commit', '-m', 'x', '-d', 'bad');
});

test.serial('status and diff say what changed since the last commit', async t => {
  await write('more', 'x'.repeat(10_000));
  await write('file', 'changed');
  t.regex(await ok(t, 'diff'), /more/);
  t.regex(await ok(t, 'status'), /__default__/);
  t.is(JSON.parse(await ok(t, 'diff', '--json')).files.length, 2);
});

test.serial('a branch has its own files; what is not committed stays where it was made', async t => {
  await ok(t, 'checkout', '-b', 'bug-7');
  t.is(await read('file'), 'two');
  t.is(await read('more'), undefined);
  await write('file', 'on the branch');
  await ok(t, 'commit', '-m', 'reproducer');
  t.deepEqual(await messages(t), ['Initial commit', 'first', 'second', 'reproducer']);
  t.is(await ok(t, 'branch'), '* bug-7\n  master\n');
  await ok(t, 'checkout', 'master');
  t.is(await read('file'), 'changed');
  t.regex(await ok(t, 'list'), /^\* shop +master /m);
  await fails(t, /Branch already exists: bug-7/, 'checkout', '-b', 'bug-7');
  await fails(t, /Branch does not exist: nowhere/, 'checkout', 'nowhere');
});

test.serial('reset names what would be lost, and takes it with --hard alone', async t => {
  await fails(t, /uncommitted/, 'reset', 'HEAD');
  t.is(await read('file'), 'changed');
  await ok(t, 'commit', '-m', 'third');
  await ok(t, 'tag', 'v1', 'HEAD~1');
  await fails(t, /third/, 'reset', 'HEAD^');
  const { code, err } = await dm('reset', '--hard', 'HEAD^');
  t.is(code, 0, err);
  t.regex(err, /third/);
  t.is(await read('file'), 'two');
  t.deepEqual(await messages(t), ['Initial commit', 'first', 'second']);
  await ok(t, 'reset', '--hard', 'v1');
  t.is(await read('file'), 'two');
  // The branch grew from "second", which goes with "first".
  const back = await dm('reset', '--hard', 'HEAD^');
  t.is(back.code, 0, back.err);
  t.regex(back.err, /bug-7/);
  t.is(await read('file'), 'one');
  t.is(await ok(t, 'branch'), '* master\n');
});

test.serial('a dot is forked, renamed, shown and deleted', async t => {
  await ok(t, 'dot', 'fork', 'shop', 'copy');
  await ok(t, 'dot', 'rename', 'copy', 'other');
  t.regex(await ok(t, 'dot', 'show', 'other'), /^Dot admin\/other:/);
  await ok(t, 'dot', 'delete', '-f', 'other');
  await fails(t, /No such filesystem/, 'dot', 'delete', '-f', 'other');
});

test.serial('users: one is made, sees nothing of others, and a new key locks the old one out', async t => {
  const made = await home.built(['user', 'add', 'alice', 'alice@example.org'], {
    input: 'a long password\n',
  });
  t.is(made.code, 0, made.err);
  t.regex(await ok(t, 'user', 'list'), /alice/);
  const listed = await bed.call('List', null, { auth: 'alice:a long password' });
  t.deepEqual(listed.result, {});
});

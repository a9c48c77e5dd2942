// Secrets in LinuxKit's user-data: made, pointed out, removed.
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { createLog } from '../../../src/lib/log.ts';
import { printMetadata } from '../../../src/provision/metadata.ts';
import { secretFault } from '../../../src/provision/secrets.ts';
import { contentOf, tendUserdata, withoutOurs } from '../../../src/provision/userdata.ts';

const OURS = { perm: '0700', entries: { credentials: { perm: '0600', content: 'joe:SECRET-KEY' } } };
const NO_FILES = {
  seed: undefined,
  credentials: undefined,
  adminApiKey: undefined,
  adminPassword: undefined,
};

async function inFolder(body: (at: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'userdata-'));
  try {
    await body(name => join(folder, name));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A log that keeps what is said. */
function listen() {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ name: 'test', level: 'info', format: 'text', destination });
  return { log, said: () => lines.join('') };
}

/** What is said about a file with this text, and its text afterwards. */
async function tend(
  text: string,
  { shred = false, mode = 0o644, password = '', files = ['credentials'] } = {},
) {
  const { log, said } = listen();
  let after = '';
  await inFolder(async at => {
    await writeFile(at('userdata'), text);
    await chmod(at('userdata'), mode);
    await writeFile(at('password'), password);
    const { ino } = await stat(at('userdata'));
    await mkdir(at('dotmesh'));
    for (const name of files) await writeFile(at(`dotmesh/${name}`), '');
    const given = { ...NO_FILES, adminPassword: at('password') };
    const options = { files: given, shredUserdata: shred, userdataFile: at('userdata') };
    await tendUserdata(options, log, at('dotmesh'));
    after = await readFile(at('userdata'), 'utf8');
    if ((await stat(at('userdata'))).ino !== ino)
      throw new Error('it was replaced, the old text is still there');
  });
  return { said: said(), after };
}

test('secrets that everybody can read are pointed out, with the file and its mode, and not repeated', async t => {
  const text = JSON.stringify({ dotmesh: OURS });
  const { said, after } = await tend(text);
  t.regex(said, /warn: .*userdata holds secrets and can be read by others \(mode 0644\)/);
  t.false(said.includes('SECRET-KEY'));
  t.is(after, text);
  t.is((await tend(text, { mode: 0o600 })).said, '');
  t.is((await tend('{"hostname":{"content":"h"}}')).said, '');
  t.is((await tend('#cloud-config')).said, '');
  t.regex((await tend('echo hunter22', { password: 'hunter22\n' })).said, /can be read by others/);
});

test('with --shred-userdata our entry is gone and those of others are as they were', async t => {
  const ssh = { entries: { authorized_keys: { content: 'ssh-ed25519 AAAA' } } };
  const { said, after } = await tend(JSON.stringify({ ssh, dotmesh: OURS, hostname: { content: 'h' } }), {
    shred: true,
  });
  t.deepEqual(JSON.parse(after), { ssh, hostname: { content: 'h' } });
  t.false(said.includes('SECRET-KEY'));
  t.is((await tend(JSON.stringify({ dotmesh: OURS }), { shred: true })).after, '{}\n');
});

test('what LinuxKit has dropped is told, and is not shredded: it is the only copy', async t => {
  const whole = { dotmesh: OURS };
  const texts = [
    `{"dotmesh":${JSON.stringify(OURS)},}`,
    JSON.stringify({ ...whole, b: 5 }),
    '{"dotmesh":"joe:SECRET-KEY"}',
    '{"dotmesh":{"credentials":"joe:SECRET-KEY"}}',
  ];
  for (const text of texts)
    for (const shred of [false, true]) {
      const { said, after } = await tend(text, { shred, files: [] });
      t.is(said.trim().split('\n').length, 1, said);
      t.regex(said, /warn: .*userdata has something for "dotmesh" that is not in .*drops/);
      t.is(/only copy/.test(said), shred);
      t.false(said.includes('SECRET-KEY'));
      t.is(after, text);
    }
  // One entry of several: a wrong "perm" loses it alone.
  const two = { entries: { ...OURS.entries, 'admin-api-key': { perm: 'rw', content: 'k' } } };
  t.regex((await tend(JSON.stringify({ dotmesh: two }), { shred: true })).said, /only copy/);
  for (const text of ['#cloud-config', '{"b":5}', '{"b":5,}', '{"dotmesh":{"entries":{}}}'])
    t.notRegex((await tend(text, { files: [] })).said, /drops/, text);
});

test('what is not the JSON that LinuxKit reads is not touched', async t => {
  for (const text of ['#!/bin/sh\necho hunter22\n', '["hunter22"]', '{"other":{"content":"hunter22"}}']) {
    const { said, after } = await tend(text, { shred: true, password: 'hunter22' });
    t.is(after, text);
    t.regex(said, /left as it is/);
  }
});

test('whatever user-data holds, shredding leaves nothing of ours and all of the others', t => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (others, ours) => {
      const { dotmesh: _, ...rest } = JSON.parse(JSON.stringify(others)) as Record<string, unknown>;
      const text = JSON.stringify(ours ? { ...rest, dotmesh: OURS } : rest);
      const after = withoutOurs(text) ?? '';
      t.deepEqual(JSON.parse(after), rest);
      return contentOf(after, []) === 'nothing of ours';
    }),
  );
});

test('a link in the place of the user-data is not followed, and an absent one is no news', async t => {
  await inFolder(async at => {
    const { log, said } = listen();
    const text = JSON.stringify({ dotmesh: OURS });
    await tendUserdata({ files: NO_FILES, shredUserdata: true, userdataFile: at('none') }, log);
    t.is(said(), '');
    await writeFile(at('victim'), text);
    await symlink(at('victim'), at('link'));
    await tendUserdata({ files: NO_FILES, shredUserdata: true, userdataFile: at('link') }, log);
    t.is(await readFile(at('victim'), 'utf8'), text);
    t.regex(said(), /can not be looked at/);
  });
});

/** The parts of user-data as LinuxKit's metadata package would write them into files. */
function filesOf(t: ExecutionContext, text: string): Record<string, string> {
  const { dotmesh, ...others } = JSON.parse(text);
  t.deepEqual(others, {});
  t.is(dotmesh.perm, '0700');
  return Object.fromEntries(
    Object.entries(dotmesh.entries as Record<string, { perm: string; content: string }>).map(
      ([name, { perm, content }]) => {
        t.is(perm, '0600');
        return [name, content];
      },
    ),
  );
}

test('metadata has fresh secrets that the server takes, each time others', async t => {
  await inFolder(async at => {
    await writeFile(at('credentials'), 'joe:a:key\n');
    const print = async () => {
      const lines: string[] = [];
      const warnings: string[] = [];
      const streams = {
        write: (more: string) => void lines.push(more),
        warn: (line: string) => void warnings.push(line),
        isTerminal: false,
      };
      await printMetadata(
        { seed: 'hub/joe/app', credentialsFile: at('credentials'), output: undefined },
        streams,
      );
      t.is(warnings.length, 1);
      t.regex(warnings[0] ?? '', /with a seed in its metadata a machine does not provide its dot/);
      return filesOf(t, lines.join(''));
    };
    const [first, second] = [await print(), await print()];
    t.like(first, { seed: 'hub/joe/app', credentials: 'joe:a:key' });
    for (const name of ['admin-api-key', 'admin-password']) {
      t.is(secretFault(first[name] ?? ''), '');
      t.not(first[name], second[name]);
    }
  });
});

test('metadata goes into a new private file, or is printed with a warning on a terminal', async t => {
  const options = { seed: undefined, credentialsFile: undefined };
  await inFolder(async at => {
    const quiet = { write: () => t.fail(), warn: () => t.fail(), isTerminal: true };
    await printMetadata({ ...options, output: at('metadata.json') }, quiet);
    t.is((await stat(at('metadata.json'))).mode & 0o777, 0o600);
    const before = await readFile(at('metadata.json'), 'utf8');
    t.deepEqual(Object.keys(filesOf(t, before)), ['admin-api-key', 'admin-password']);
    await t.throwsAsync(printMetadata({ ...options, output: at('metadata.json') }, quiet), {
      code: 'OUTPUT_EXISTS',
    });
    await symlink(at('elsewhere'), at('link'));
    await t.throwsAsync(printMetadata({ ...options, output: at('link') }, quiet), { code: 'OUTPUT_EXISTS' });
    t.is(await readFile(at('metadata.json'), 'utf8'), before);
    const warnings: string[] = [];
    const terminal = { write: () => {}, warn: (line: string) => void warnings.push(line), isTerminal: true };
    await printMetadata({ ...options, output: undefined }, terminal);
    t.is(warnings.length, 1);
    for (const bad of ['PLACEHOLDER-user:key', 'joe:PLACEHOLDER-key', 'nothing-to-split']) {
      await writeFile(at('credentials'), bad);
      const given = { seed: undefined, credentialsFile: at('credentials'), output: undefined };
      const error = await t.throwsAsync(printMetadata(given, quiet), { code: 'BAD_CREDENTIALS' });
      t.false(error?.message.includes(bad));
    }
    await t.throwsAsync(printMetadata({ ...options, seed: 'no seed', output: undefined }, quiet), {
      code: 'BAD_SEED',
    });
  });
});

test('a placeholder of an example is no secret', t => {
  t.regex(secretFault('PLACEHOLDER-admin-password\n'), /placeholder/);
  t.is(secretFault('a-PLACEHOLDER-of-mine'), '');
});

/** Commits mounted, compared and shown through the built server; the same on every ZFS. */

import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { mountTable } from '../../../src/system/mount-table.ts';
import { sh } from '../../helpers/disks.ts';
import { ServerBed } from '../../helpers/server-bed.ts';

interface Files {
  Files: { change: string; filename: string; from?: string }[];
}

/** `inGuest`: starting a process costs ten times as much there, so fewer commits are made. */
export function readingSuite(test: TestFn, { inGuest }: { inGuest: boolean }): void {
  let bed: ServerBed;
  let id = '';
  const shop = { Namespace: 'admin', Name: 'shop', Branch: '' };
  const at = (...parts: string[]) => bed.path(id, ...parts);
  const commit = (name: string) => sh('zfs', 'snapshot', `${bed.dataset(id)}@${name}`);
  const lines = ({ Files }: Files) =>
    Files.map(({ change, filename, from }) => `${change} ${from ? `${from} > ` : ''}${filename}`);
  const diff = async (From: string, To: string) =>
    lines(await bed.admin<Files>('DiffCommits', { ...shop, From, To }));

  test.before(async () => {
    bed = await ServerBed.make('reading');
    await bed.up();
    await bed.create('shop');
    id = await bed.admin<string>('Lookup', shop);
    await mkdir(at('orders'));
    for (const name of [
      'same',
      'grows',
      'replaced',
      'touched',
      'edited',
      'gone',
      'old name',
      'mode',
      'folder/in',
    ])
      await mkdir(join(at('__default__', name), '..'), { recursive: true }).then(() =>
        writeFile(at('__default__', name), `${name} `.repeat(100)),
      );
    await symlink('same', at('__default__', 'link'));
    await commit('one');
    await appendFile(at('__default__', 'grows'), 'more');
    // Same size and times, other content: only the content tells.
    const { atime, mtime } = await stat(at('__default__', 'edited'));
    const file = await open(at('__default__', 'edited'), 'r+');
    await file.write('EDITED');
    await file.close();
    await utimes(at('__default__', 'edited'), atime, mtime);
    // Replaced by the same, as an editor does, and a time that moved: no change.
    await copyFile(at('__default__', 'replaced'), at('__default__', 'tmp'));
    await rename(at('__default__', 'tmp'), at('__default__', 'replaced'));
    await utimes(at('__default__', 'touched'), new Date(), new Date());
    await chmod(at('__default__', 'mode'), 0o600);
    await rm(at('__default__', 'gone'));
    await rename(at('__default__', 'old name'), at('__default__', 'näw\tname'));
    await rename(at('__default__', 'folder'), at('__default__', 'moved'));
    await rm(at('__default__', 'link'));
    await symlink('/etc/passwd', at('__default__', 'link'));
    await writeFile(at('orders', 'new'), '12345');
    await mkdir(at('dotmesh.metadata'), { recursive: true });
    await writeFile(at('dotmesh.metadata', 'two.json'), '{}');
    await commit('two');
    // The server learns of commits that were made behind its back when it starts.
    await bed.stopServer();
    await bed.up();
  });
  test.after.always(() => bed?.clear());

  const between = [
    'M __default__/edited',
    '- __default__/gone',
    'M __default__/grows',
    'M __default__/link',
    'M __default__/mode',
    'R __default__/folder > __default__/moved',
    'R __default__/old name > __default__/näw\tname',
    '+ orders/new',
  ];

  test.serial('two commits are compared: what changed is told once, what only looks so is not', async t => {
    t.deepEqual(await diff('one', 'two'), between);
    t.deepEqual(await diff('one', ''), between);
    t.deepEqual(await diff('two', ''), []);
    const back = await diff('two', 'one');
    t.true(back.includes('- orders/new') && back.includes('+ __default__/gone'), back.join());
    const missing = await bed.call('DiffCommits', { ...shop, From: 'none', To: '' });
    t.is(missing.error, `Cannot find commit with id none for filesystem ${id}`);
  });

  test.serial('a commit is mounted read-only where the original has it, and shows what was', async t => {
    const path = await bed.admin<string>('MountCommit', { FilesystemId: id, CommitId: 'one' });
    t.is(path, `${at()}@one`);
    t.is(await readFile(join(path, '__default__', 'gone'), 'utf8'), 'gone '.repeat(100));
    await t.throwsAsync(writeFile(join(path, 'x'), ''), { code: 'EROFS' });
    t.is(await bed.admin('MountCommit', { FilesystemId: id, CommitId: 'one' }), path);
    const missing = await bed.call('MountCommit', { FilesystemId: id, CommitId: 'none' });
    t.is(missing.error, `Cannot find commit with id none for filesystem ${id}`);
    const bad = await bed.call('MountCommit', { FilesystemId: id, CommitId: '../..' });
    t.regex(bad.error ?? '', /^invalid snapshot name/);
  });

  test.serial('what is dirty is told by subdot, by file and over HTTP', async t => {
    await writeFile(at('orders', 'late'), 'x'.repeat(1000));
    await writeFile(at('__default__', 'a <b>'), '');
    t.deepEqual(await bed.admin('Subdots', shop), ['__default__', 'orders']);
    const status = await bed.admin<{ DirtyBytes: number; SizeBytes: number; Subdots: object[] }>(
      'Status',
      shop,
    );
    t.true(status.DirtyBytes > 0 && status.SizeBytes > status.DirtyBytes, JSON.stringify(status));
    t.deepEqual(status.Subdots, [
      { Name: '__default__', ChangedBytes: 0 },
      { Name: 'orders', ChangedBytes: 1000 },
    ]);
    t.deepEqual(await bed.admin('Diff', { FilesystemID: id }), {
      Files: [{ change: '+', filename: 'a <b>' }],
    });
    const { status: code, body } = await bed.ask({ path: '/diff/admin:shop' });
    t.deepEqual([code, body], [200, '[{"change":"+","filename":"a \\u003cb\\u003e"}]\n']);
    const { Time } = await bed.admin<{ Time: string }>('LastModified', { Namespace: 'admin', Name: 'shop' });
    const { mtimeMs } = await stat(at('__default__', 'a <b>'));
    t.is(Time, new Date(Math.floor(mtimeMs / 1000) * 1000).toISOString().replace('.000Z', 'Z'));
  });

  test.serial(
    'many commits can be asked for; few stay mounted, and none after a kill and a new start',
    async t => {
      const names = Array.from({ length: inGuest ? 2 : 18 }, (_, number) => `c${number}`);
      for (const name of names) await commit(name);
      await bed.stopServer('SIGKILL');
      await bed.up();
      const views = async () =>
        (await mountTable()).filter(({ mountpoint }) => mountpoint.startsWith(`${at()}@`)).length;
      t.is(await views(), 0);
      for (const CommitId of names) {
        const path = await bed.admin<string>('MountCommit', { FilesystemId: id, CommitId });
        t.true(existsSync(join(path, '__default__', 'same')));
      }
      t.is(await views(), Math.min(names.length, 16));
      await bed.stopServer('SIGKILL');
      await bed.up();
      t.is(await views(), 0);
    },
  );

  test.serial('a dot whose commits are mounted is deleted all the same', async t => {
    await bed.admin('MountCommit', { FilesystemId: id, CommitId: 'c1' });
    t.is((await bed.call('Delete', { Namespace: 'admin', Name: 'shop' })).result, true);
    t.false((await bed.datasets()).some(name => name.includes(id)));
    t.false(existsSync(`${at()}@c1`));
  });
}

/** Going back: the files of then, nothing of later, and never under somebody's feet. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { sh } from '../../../helpers/disks.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';
import { Repo } from './repo.ts';

export function rollbackSuite(test: TestFn, bed: () => ServerBed): void {
  test.serial('files are those of the commit, also when others were read just before', async t => {
    const repo = await Repo.make(bed(), 'back');
    const root = await repo.path();
    const big = 'x'.repeat(300_000);
    await writeFile(join(root, 'file'), big);
    await writeFile(join(root, 'removed'), 'was here');
    await mkdir(join(root, 'directory'));
    await writeFile(join(root, 'directory', 'inner'), 'inner');
    const one = await repo.commit('one');
    await writeFile(join(root, 'file'), 'short');
    await writeFile(join(root, 'added'), 'later');
    await rm(join(root, 'removed'));
    await rename(join(root, 'directory'), join(root, 'renamed'));
    await symlink('/', join(root, 'directory'));
    const two = await repo.commit('two');
    await repo.grow('later', two);
    await writeFile(join(root, 'file'), big.replaceAll('x', 'y'));
    // Names, attributes and contents are in the kernel's caches now.
    for (const name of await readdir(root)) await stat(join(root, name));
    await readFile(join(root, 'file'));

    const losses = await repo.preview(one);
    t.like(losses, { Branches: ['later'], Subdots: [], Users: [] });
    t.deepEqual(
      losses.Commits.map(({ Metadata }) => Metadata.message),
      ['two'],
    );
    t.true(losses.DirtyBytes >= 300_000 / 20, `${losses.DirtyBytes}`);
    t.regex(
      await repo.back(one, { IfNothingLost: true }),
      /^Going back to .* would destroy 1 commit .* 1 branch \(later\)/,
    );
    t.is((await readFile(join(root, 'file'), 'utf8')).length, big.length);

    t.is(await repo.back(one), '');
    t.deepEqual(await repo.files(), ['directory', 'file', 'removed']);
    t.is(await repo.read('file'), big);
    t.is((await stat(join(root, 'file'))).size, big.length);
    t.is(await repo.read('removed'), 'was here');
    t.is(await repo.read('directory/inner'), 'inner');
    await t.throwsAsync(stat(join(root, 'added')), { code: 'ENOENT' });
    t.deepEqual(await repo.log(), ['Initial commit', 'one']);
    t.deepEqual(await bed().admin('Branches', repo.dot), []);
    await repo.write('file', 'written after');
    const three = await repo.commit('three');
    t.is(await repo.back(three, { IfNothingLost: true }), '');
    t.is(await repo.read('file'), 'written after');
  });

  test.serial('what was written a moment ago counts as something to lose', async t => {
    const repo = await Repo.make(bed(), 'fresh');
    const one = await repo.commit('one');
    t.is(await repo.back(one, { IfNothingLost: true }), '');
    await repo.write('file', 'not committed');
    t.regex(await repo.back(one, { IfNothingLost: true }), /would destroy \d+ bytes that no commit has/);
    t.is(await repo.read('file'), 'not committed');
    t.is(await repo.back(one), '');
    t.deepEqual(await repo.files(), []);
  });

  test.serial(
    'a process with a file open, or with its directory there, is named and not cut off',
    async t => {
      const repo = await Repo.make(bed(), 'used');
      const root = await repo.path();
      await repo.write('file', 'one');
      const one = await repo.commit('one');
      await repo.write('file', 'two');
      await repo.commit('two');
      const uses: [what: string, child: ChildProcess][] = [
        ['a directory', spawn('cat', [], { cwd: root })],
        [
          'a file',
          spawn('tail', ['-f', join(root, 'file')], { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] }),
        ],
      ];
      for (const [what, child] of uses) {
        if (what === 'a file') await once(child.stdout ?? child, 'data');
        const name = what === 'a file' ? 'tail' : 'cat';
        const said = await repo.back(one);
        t.true(said.includes(`${name} (process ${child.pid})`), said);
        t.true((await repo.preview(one)).Users.some(({ Pid }) => Pid === child.pid));
        t.is(await repo.read('file'), 'two', what);
      }
      t.is(await repo.back(one, { Force: true }), '');
      t.is(await repo.read('file'), 'one');
      for (const [, child] of uses) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
    },
  );

  test.serial('a branch that would go is not destroyed while it is used, and nothing else is', async t => {
    const repo = await Repo.make(bed(), 'grown');
    const one = await repo.commit('one');
    await repo.commit('two');
    await repo.grow('b1');
    await repo.grow('b2');
    const child = spawn('cat', [], { cwd: await repo.path('b2') });
    await once(child, 'spawn');
    t.true((await repo.back(one, { Force: true })).includes(`cat (process ${child.pid})`));
    t.deepEqual(await repo.log(), ['Initial commit', 'one', 'two']);
    t.deepEqual(await bed().admin('Branches', repo.dot), ['b1', 'b2']);
    child.kill('SIGKILL');
    await once(child, 'exit');
    t.is(await repo.back(one), '');
    t.deepEqual(await bed().admin('Branches', repo.dot), []);
  });

  test.serial(
    'a mounted subdot that is younger than the commit is listed before, and made again as it was',
    async t => {
      const repo = await Repo.make(bed(), 'subdots');
      const one = await repo.commit('one');
      const mount = {
        ...repo.ref(),
        Subdot: 'late',
        Owner: '7:8',
        Mode: '0710',
        Mountpoint: '/nowhere/late',
      };
      const { Path } = await bed().admin<{ Path: string }>('PrepareMount', mount);
      await writeFile(join(Path, 'file'), 'gone');
      // zfs-fuse shows no files of snapshots: there the subdot is made again all the same.
      const canSee = (await readdir(join(Path, '..', '.zfs')).catch(() => [])).length > 0;
      t.deepEqual((await repo.preview(one)).Subdots, canSee ? ['late'] : []);
      t.is(await repo.back(one), '');
      t.like(await stat(Path), { uid: 7, gid: 8 });
      t.is((await stat(Path)).mode & 0o7777, 0o710);
      t.deepEqual(await readdir(Path), []);
      await bed().admin('ForgetMount', { Mountpoint: mount.Mountpoint });
    },
  );

  test.serial('a rollback that was decided before a kill is done after it', async t => {
    const repo = await Repo.make(bed(), 'cut');
    await repo.write('file', 'one');
    const one = await repo.commit('one');
    await repo.write('file', 'two');
    const two = await repo.commit('two');
    await repo.grow('b1', two);
    const dataset = bed().dataset(await repo.id());
    await bed().stopServer('SIGKILL');
    await sh('zfs', 'set', `dm-linuxkit:rollback=${one}`, dataset);
    await bed().up();
    t.deepEqual(await repo.log(), ['Initial commit', 'one']);
    t.is(await repo.read('file'), 'one');
    t.deepEqual(await bed().admin('Branches', repo.dot), []);
    await repo.commit('three');
    await bed().stopServer('SIGKILL');
    await bed().up();
    t.deepEqual(await repo.log(), ['Initial commit', 'one', 'three']);
  });
}

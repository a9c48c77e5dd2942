// The tiers, cheapest first. Each takes the run (see ../test.mjs) and reports to it; none throws for a failed test.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureGuest } from '../guest/build.mjs';
import { buildImage } from '../image/build.mjs';
import { startDocker } from '../image/docker.mjs';
import { ensureRootfs } from '../image/rootfs.mjs';
import { buildDir, root } from '../lib/paths.mjs';
import { collect } from '../lib/run.mjs';
import { kernelZfs, makeProbe, startZfsFuse, stopZfsFuse } from '../lib/zfs-fuse.mjs';
import { runInGuest } from './guest.mjs';
import { runAva } from './host.mjs';
import { runInLanes } from './lanes.mjs';
import { removeLeftovers } from './leftovers.mjs';
import { runVmTier } from './vm.mjs';

const minute = 60_000;

/** Compiled test files (relative to the repository) beneath some folders of build/test whose name fits. */
function testFiles(run, folders, fits) {
  const below = folder => {
    const path = join(buildDir, 'test', folder);
    return existsSync(path)
      ? readdirSync(path, { recursive: true }).map(each => `build/test/${folder}/${each}`)
      : [];
  };
  return folders
    .flatMap(below)
    .filter(path => path.endsWith('.test.js') && fits(path))
    .sort()
    .filter(path => run.wants(path.replace(/\.js$/, '.ts')));
}

const onHost = path => path.endsWith('.host.test.js');
const inGuest = path => path.endsWith('.guest.test.js');

async function lint(run) {
  const bin = name => join(root, 'node_modules/.bin', name);
  for (const [name, argv] of [
    ['biome check .', [bin('biome'), 'check', '.']],
    ['tsc --noEmit', [bin('tsc'), '--noEmit']],
  ]) {
    const started = Date.now();
    const { status, text } = await collect(argv, { cwd: root });
    const ok = status === 0;
    run.report(name, {
      passed: ok ? 1 : 0,
      failed: ok ? 0 : 1,
      skipped: 0,
      failures: ok ? [] : [text.trim()],
      seconds: (Date.now() - started) / 1000,
    });
  }
}

async function unit(run) {
  const files = testFiles(run, ['unit', 'contract'], path => !onHost(path) && !inGuest(path));
  if (run.isEmpty(files)) return;
  run.report(
    `${files.length} files`,
    await runAva({ files, env: run.env(), deadlineMs: run.deadlineMs ?? 10 * minute }),
  );
}

/** Builds the image as `make image DISTRO=debian` does; whatever hinders that fails the tier. */
async function image(run) {
  const files = testFiles(run, ['image'], () => true);
  if (run.isEmpty(files)) return;
  const docker = await startDocker({ network: 'none' });
  try {
    const built = await buildImage(docker, { distro: 'debian', quiet: true });
    const env = run.env({
      ...docker.env,
      DM_DOCKER: docker.argv[0],
      DM_IMAGE: built.id,
      DM_ROOTFS: await ensureRootfs(docker, built),
    });
    run.report(
      `${files.length} files`,
      await runAva({ files, env, deadlineMs: run.deadlineMs ?? 10 * minute }),
    );
  } finally {
    await docker.stop();
  }
}

/** zfs and crash: one file after the other, beside a watched zfs-fuse (or the kernel's ZFS). */
async function beside(run, files, { deadlineMs }) {
  let daemon = await startZfsFuse();
  let probe = await makeProbe(join(run.folder, 'probe'), run.id);
  let restarts = 0;
  run.keep(['probe'], probe.pool);
  try {
    const queue = files.map(file => ({ file, attempt: 1 }));
    for (let next = queue.shift(); next && !run.stopped; next = queue.shift()) {
      const { file, attempt } = next;
      let wedged = false;
      const watch = end => {
        const timer = setInterval(async () => {
          if (wedged || (await probe.alive())) return;
          wedged = true;
          end('zfs-fuse wedged: no file on any pool can be touched');
        }, 5000);
        return () => clearInterval(timer);
      };
      const env = run.env({ DM_ZFS: kernelZfs() ? 'kernel' : 'fuse' });
      const result = await runAva({
        files: [file],
        args: ['--serial'],
        env,
        deadlineMs,
        watch: kernelZfs() ? undefined : watch,
      });
      const again = run.again(file, result, attempt);
      if (again) queue.unshift({ file, attempt: attempt + 1 });
      else run.report(file, result);
      if (!wedged && (await probe.alive())) {
        if (again)
          await removeLeftovers({
            id: run.id,
            folder: run.folder,
            keep: ['probe'],
            except: probe.pool,
            zfs: true,
          });
        continue;
      }
      if (!wedged && !again) run.fail(`${file} left zfs-fuse wedged`);
      if (!daemon)
        return run.fail(
          'zfs-fuse has wedged; it was running before these tests, so it is left to whoever started it',
        );
      if (restarts++ > 0)
        return run.fail('zfs-fuse has wedged a second time: the rest of this tier does not run');
      await stopZfsFuse(daemon, { force: true });
      daemon = await startZfsFuse();
      await removeLeftovers({ id: run.id, folder: run.folder }); // it opened the old pools again
      probe = await makeProbe(join(run.folder, 'probe'), run.id);
    }
  } finally {
    await run.checkLeftovers();
    await probe.remove();
    run.keep([]);
    await stopZfsFuse(daemon);
  }
}

async function zfs(run) {
  const files = testFiles(run, ['zfs', 'contract'], onHost);
  if (!run.isEmpty(files)) await beside(run, files, { deadlineMs: run.deadlineMs ?? 10 * minute });
}

async function crash(run) {
  const files = testFiles(run, ['crash'], () => true);
  if (run.isEmpty(files)) return;
  process.env.SEED ||= run.id;
  process.stdout.write(`  SEED=${process.env.SEED}\n`); // with it in the environment the same points are hit again
  run.kit ??= ensureGuest();
  await beside(run, files, { deadlineMs: run.deadlineMs ?? (process.env.FULL ? 90 : 20) * minute });
}

async function guest(run) {
  const files = testFiles(run, ['zfs', 'contract'], inGuest);
  if (run.isEmpty(files)) return;
  run.kit ??= ensureGuest();
  process.env.DM_GUEST = run.kit;
  const deadlineMs = run.deadlineMs ?? (process.env.FULL ? 40 : 25) * minute;
  // Those with the most in them first: with a long one left for the end, one lane would stand idle.
  const size = file => statSync(join(root, file)).size;
  await runInLanes(
    run,
    files.toSorted((a, b) => size(b) - size(a)),
    (file, cpu) => {
      const env = run.env({ DM_ZFS: 'kernel' }, { guest: true });
      return runInGuest({ file, env, cpu, folder: run.folder, deadlineMs, onStart: run.onGuest });
    },
  );
}

async function vm(run) {
  const files = testFiles(run, ['vm'], () => true);
  if (!run.isEmpty(files)) await runVmTier(run, files);
}

export const tiers = { lint, unit, image, zfs, guest, crash, vm };

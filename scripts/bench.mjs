// Runs the benchmark (test/bench/bench.ts) on this machine's ZFS, or in the guest on the kernel's OpenZFS (GUEST=1);
// VM=1: what a boot of the image costs in a virtual machine (test/bench/vm.ts).
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildPrograms, buildTests } from './build.mjs';
import { boot } from './guest/boot.mjs';
import { sizesText } from './image/rootfs.mjs';
import { buildDir, distDir, nodeBin, root } from './lib/paths.mjs';
import { Failure, main, status } from './lib/run.mjs';
import { kernelZfs, startZfsFuse, stopZfsFuse } from './lib/zfs-fuse.mjs';
import { setup } from './setup.mjs';
import { writePrepared } from './vm/prepare.mjs';

const BENCH_MS = 120 * 60_000;

await main(async () => {
  const inGuest = Boolean(process.env.GUEST);
  setup('bench');
  const inMachine = Boolean(process.env.VM);
  if (inGuest) setup('guest');
  if (inMachine) setup('vm');
  await buildPrograms();
  const program = join(buildDir, 'test/bench', inMachine ? 'vm.js' : 'bench.js');
  await buildTests();
  if (!existsSync(program)) throw new Failure('bench: the benchmark does not compile');

  const folder = mkdtempSync(join(tmpdir(), 'dm-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  process.chdir(root);
  const env = { DM_ROOT: root, DM_DIST: distDir };
  if (inGuest) {
    const onConsole = chunk => process.stdout.write(chunk);
    const command = `'${nodeBin}' '${program}'`;
    return (
      await boot({ share: folder, command, env: { ...env, DM_ZFS: 'kernel', GUEST: '' }, onConsole }).done
    ).status;
  }
  if (inMachine) {
    const prepared = join(folder, 'vm.json');
    const { rootfs } = await writePrepared(prepared);
    process.stdout.write(`${'size of the image'.padEnd(52)} ${sizesText(rootfs)}\n`);
    return status([nodeBin, program], {
      env: { ...process.env, ...env, DM_VM: prepared, TMPDIR: folder },
      timeout: BENCH_MS,
    });
  }
  const daemon = await startZfsFuse();
  try {
    const path = `${dirname(nodeBin)}:${process.env.PATH}`;
    const more = { DM_ZFS: kernelZfs() ? 'kernel' : 'fuse', DM_NODE: nodeBin, TMPDIR: folder, PATH: path };
    return status([nodeBin, program], { env: { ...process.env, ...env, ...more }, timeout: BENCH_MS });
  } finally {
    await stopZfsFuse(daemon);
  }
});

// The first example, built and booted in QEMU as a user would: needs linuxkit, Docker and QEMU on this machine, and
// says what of that is missing. The machine stays in the cache folder, outside of the package that
// the repository is to LinuxKit: a second run is a reboot.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, distDir, nodeBin, root } from './lib/paths.mjs';
import { collect, Failure, has, main, say, status } from './lib/run.mjs';
import { setupNpm } from './setup.mjs';

const example = 'linuxkit-examples/dotmesh.yml';
const folder = join(cacheDir, 'linuxkit');
const metadata = join(folder, 'metadata.json');
const arm = process.arch === 'arm64';
const qemu = arm ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
const platform = arm ? 'linux/arm64' : 'linux/amd64';

/** One sentence for each thing that is not there. */
async function missing() {
  const faults = [];
  const answers = async (...argv) => (await collect(argv, { deadlineMs: 60_000 })).status === 0;
  if (!has('linuxkit'))
    faults.push(
      'linuxkit is not installed: its releases are at https://github.com/linuxkit/linuxkit/releases.',
    );
  else if (
    !(await collect(['linuxkit', 'build', '--help'], { deadlineMs: 60_000 })).text.includes('--format')
  )
    faults.push(
      'This linuxkit is older than 1.2, which spells its options with one dash: install a newer one.',
    );
  if (!has('docker')) faults.push('docker is not installed: linuxkit builds packages in it.');
  else if (!(await answers('docker', 'version')))
    faults.push('The Docker daemon does not answer: start it, or join the group that may use it.');
  if (!has(qemu)) faults.push(`${qemu} is not installed (Debian: qemu-system-${arm ? 'arm' : 'x86'}).`);
  if (!has('qemu-img')) faults.push('qemu-img is not installed (Debian: qemu-utils).');
  return faults;
}

function step(argv) {
  say(`$ ${argv.join(' ')}`);
  if (status(argv, { cwd: root, timeout: 0 }) !== 0)
    throw new Failure(`${argv.slice(0, 3).join(' ')} … failed.`);
}

await main(async () => {
  const faults = await missing();
  if (faults.length > 0) {
    for (const fault of faults) say(fault);
    return 1;
  }
  setupNpm();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  step([nodeBin, join(root, 'scripts/build.mjs'), 'programs']);
  if (!existsSync(metadata))
    step([nodeBin, join(distDir, 'dm-linuxkit'), 'metadata', `--output=${metadata}`]);
  step(['linuxkit', 'pkg', 'build', '--platforms', platform, '.']);
  step(['linuxkit', 'pkg', 'build', '--platforms', platform, 'pkg/zfs-kmod']);
  step(['linuxkit', 'build', '--format', 'kernel+initrd', '--dir', folder, example]);
  if (arm) say('The example writes to ttyS0: on arm64 nothing is seen until its "cmdline:" names ttyAMA0.');
  say(
    `The console follows; Ctrl-A X ends the machine. The admin's key is in ${metadata}, the API on port 32607. Who removes ${folder} begins anew.`,
  );
  step([
    ...['linuxkit', 'run', 'qemu', '--mem', '4096', '--cpus', '2'],
    ...['--disk', `file=${join(folder, 'dots.qcow2')},size=10G,format=qcow2`],
    ...['--data-file', metadata, '--publish', '32607:32607', join(folder, 'dotmesh')],
  ]);
});

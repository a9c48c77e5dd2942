// Builds, once, what a User Mode Linux guest needs to run the kernel's OpenZFS; from Debian packages alone:
//   linux.uml              the packaged UML kernel
//   modules/lib/modules/…  its own modules and OpenZFS's, with depmod's index
//   zfs/usr/{sbin,lib}     OpenZFS userland, unpacked, never installed (it would push zfs-fuse off the host)
//   versions               which packages it was made from
// Usage: node scripts/guest/build.mjs      prints the folder. Three to four minutes the first time, then nothing.

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../lib/paths.mjs';
import { Failure, main, output, say, status } from '../lib/run.mjs';
import { privateApt } from './apt.mjs';
import { moduleSymvers } from './symvers.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const userland = ['zfsutils-linux', 'libzfs4linux', 'libzpool5linux', 'libnvpair3linux', 'libuutil3linux'];

/**
 * The key is what decides the result on this machine: these scripts, the Debian release and the architecture. Which
 * package versions the mirror has today is not asked: it would need the network before every test run. They are in
 * `versions`; removing the folder builds anew.
 */
function guestFolder() {
  const hash = createHash('sha256').update(`${process.arch}\n`);
  for (const name of ['build.mjs', 'apt.mjs', 'symvers.mjs']) hash.update(readFileSync(join(here, name)));
  hash.update(/^VERSION_ID=.*$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[0] ?? '');
  return join(cacheDir, `guest-${hash.digest('hex').slice(0, 12)}`);
}

/** The ready folder, built first where it is not there. Two callers at once: the second waits for the first. */
export function ensureGuest() {
  const folder = guestFolder();
  if (existsSync(folder)) return folder;
  mkdirSync(cacheDir, { recursive: true });
  // Node has no flock; flock(1) holds it for the child and the kernel releases it whatever happens.
  const argv = ['flock', join(cacheDir, 'guest.lock'), process.execPath, join(here, 'build.mjs'), '--locked'];
  if (status(argv, { stdio: ['ignore', 2, 2] }) !== 0) throw new Failure('The guest could not be built.');
  return folder;
}

function build(folder) {
  if (process.arch !== 'x64') throw new Failure('The guest needs an x86-64 machine.');
  const started = Date.now();
  const step = text => say(`guest: ${text} (${Math.round((Date.now() - started) / 1000)} s)`);
  // Beside the final name, so that the rename at the end is one step: a half-made folder is never seen.
  const work = mkdtempSync(join(cacheDir, '.build-'));
  try {
    step('fetching Debian packages');
    const [debs, uml, dkms, source, result, objects] = [
      'debs',
      'uml',
      'dkms',
      'source',
      'result',
      'objects',
    ].map(name => {
      mkdirSync(join(work, name));
      return join(work, name);
    });
    const apt = privateApt(join(work, 'apt'));
    apt.update();
    apt.download(['user-mode-linux', 'zfs-dkms', ...userland], debs);
    const unpack = (name, into) => {
      const deb = readdirSync(debs).find(each => each.startsWith(`${name}_`));
      output(['dpkg', '-x', join(debs, deb), into]);
    };
    unpack('user-mode-linux', uml);
    unpack('zfs-dkms', dkms);
    for (const name of userland) unpack(name, join(work, 'userland'));
    const kernel = join(uml, 'usr/bin/linux.uml');

    // vermagic compares versions: the source must be the very one that the UML kernel was built from.
    const version = output([kernel, '--version']).trim();
    const series = `linux-source-${version.split('.').slice(0, 2).join('.')}`;
    const wanted = apt.versions(series).find(each => each.startsWith(`${version}-`));
    if (!wanted)
      throw new Failure(`The mirror has user-mode-linux of ${version} but no ${series} of that version.`);
    apt.download([`${series}=${wanted}`], debs);
    unpack(series, source);

    step(`preparing the source of Linux ${version}`);
    output(['tar', '-xf', join(source, `usr/src/${series}.tar.xz`), '-C', source]);
    const tree = join(source, series);
    const jobs = `-j${availableParallelism()}`;
    writeFileSync(join(objects, '.config'), output([kernel, '--showconfig']));
    output(['make', '-C', tree, 'ARCH=um', `O=${objects}`, 'olddefconfig', 'modules_prepare', jobs]);
    writeFileSync(join(objects, 'Module.symvers'), moduleSymvers(kernel));

    step('configuring OpenZFS');
    const zfs = join(
      dkms,
      'usr/src',
      readdirSync(join(dkms, 'usr/src')).find(name => name.startsWith('zfs-')),
    );
    output(
      [
        './configure',
        '--disable-dependency-tracking',
        '--with-config=kernel',
        `--with-linux=${tree}`,
        `--with-linux-obj=${objects}`,
        'ARCH_UM=ARCH=um',
        'KERNEL_MAKE=ARCH=um',
      ],
      { cwd: zfs },
    );
    step('compiling OpenZFS');
    // UML sets no CONFIG_X86, so OpenZFS would leave its SIMD objects out and then miss them. UML's C flags rename
    // setjmp (it also links libc), its assembler flags do not: without the last argument the two do not meet.
    output(
      [
        'make',
        jobs,
        'ARCH=um',
        'KERNEL_MAKE=ARCH=um',
        'CONFIG_X86=y',
        'KAFLAGS=-Dsetjmp=kernel_setjmp -Dlongjmp=kernel_longjmp',
      ],
      { cwd: zfs },
    );

    step('putting it together');
    const modules = join(result, 'modules/lib/modules', version);
    mkdirSync(join(modules, 'extra'), { recursive: true });
    cpSync(join(uml, 'usr/lib/uml/modules', version, 'kernel'), join(modules, 'kernel'), { recursive: true });
    for (const name of readdirSync(join(uml, 'usr/lib/uml/modules', version)).filter(each =>
      each.startsWith('modules.'),
    )) {
      copyFileSync(join(uml, 'usr/lib/uml/modules', version, name), join(modules, name));
    }
    for (const path of readdirSync(join(zfs, 'module'), { recursive: true }).filter(each =>
      each.endsWith('.ko'),
    )) {
      output([
        'strip',
        '-g',
        '-o',
        join(modules, 'extra', path.split('/').at(-1)),
        join(zfs, 'module', path),
      ]);
    }
    output(['depmod', '-b', join(result, 'modules'), version]);
    // The layout of a merged /usr: the guest lays this folder over the host's files.
    for (const name of ['sbin', 'lib']) {
      const from = [join(work, 'userland', name), join(work, 'userland/usr', name)].filter(existsSync);
      for (const each of from)
        cpSync(each, join(result, 'zfs/usr', name), { recursive: true, verbatimSymlinks: true });
    }
    copyFileSync(kernel, join(result, 'linux.uml'));
    writeFileSync(join(result, 'config'), output([kernel, '--showconfig']));
    writeFileSync(join(result, 'versions'), `${readdirSync(debs).sort().join('\n')}\n`);
    renameSync(result, folder);
    step('ready');
  } catch (error) {
    const kept = join(cacheDir, 'guest-build-failed.log');
    writeFileSync(kept, String(error.stack));
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => {
    if (!process.argv.includes('--locked')) {
      process.stdout.write(`${ensureGuest()}\n`);
      return;
    }
    if (!existsSync(guestFolder())) build(guestFolder());
  });
}

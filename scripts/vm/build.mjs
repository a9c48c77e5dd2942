// Builds, once, what a QEMU machine needs beside the image itself; from Debian packages alone:
//   vmlinuz                Debian's cloud kernel
//   initrd.cpio            busybox, and the modules that the disk and its filesystem need
//   root/                  the machine's own root filesystem: busybox, runc, every module with OpenZFS's
//   versions               which packages it was made from
// Usage: node scripts/vm/build.mjs      prints the folder. Four minutes the first time, then nothing.

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
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { privateApt } from '../guest/apt.mjs';
import { cacheDir } from '../lib/paths.mjs';
import { Failure, main, output, say, status } from '../lib/run.mjs';
import { cpioArchive } from './cpio.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** What the initrd loads: the disk of the root filesystem. The rest is loaded from that. */
const forRoot = ['virtio_pci', 'virtio_blk', 'ext4'];
/** Of a merged /usr; busybox is all of the commands. */
const folders = [
  'containers',
  'dev',
  'etc',
  'image',
  'proc',
  'root',
  'run',
  'srv',
  'sys',
  'tmp',
  'usr/bin',
  'usr/sbin',
  'usr/lib/x86_64-linux-gnu',
  'var',
];

/** As for the guest (../guest/build.mjs): these scripts, the Debian release and the architecture decide. */
function kitFolder() {
  const hash = createHash('sha256').update(`${process.arch}\n`);
  for (const path of [join(here, 'build.mjs'), join(here, 'cpio.mjs'), join(here, '../guest/apt.mjs')])
    hash.update(readFileSync(path));
  hash.update(/^VERSION_ID=.*$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[0] ?? '');
  return join(cacheDir, `vm-${hash.digest('hex').slice(0, 12)}`);
}

/** The ready folder, built first where it is not there. Two callers at once: the second waits for the first. */
export function ensureKit() {
  const folder = kitFolder();
  if (existsSync(folder)) return folder;
  mkdirSync(cacheDir, { recursive: true });
  const argv = ['flock', join(cacheDir, 'vm.lock'), process.execPath, join(here, 'build.mjs'), '--locked'];
  if (status(argv, { stdio: ['ignore', 2, 2] }) !== 0)
    throw new Failure('What the virtual machine boots could not be built.');
  return folder;
}

function build(folder) {
  if (process.arch !== 'x64') throw new Failure('The virtual machine needs an x86-64 machine.');
  const started = Date.now();
  const step = text => say(`vm: ${text} (${Math.round((Date.now() - started) / 1000)} s)`);
  // Beside the final name, so that the rename at the end is one step: a half-made folder is never seen.
  const work = mkdtempSync(join(cacheDir, '.vm-'));
  try {
    step('fetching Debian packages');
    const packages = fetchPackages(work);
    const [tree, result] = [join(work, 'tree'), join(work, 'result')];
    mkdirSync(result);
    for (const name of packages.kernel) packages.unpack(name, tree);
    const [image] = readdirSync(join(tree, 'boot')).filter(name => name.startsWith('vmlinuz-'));
    const version = image.slice('vmlinuz-'.length);
    copyFileSync(join(tree, 'boot', image), join(result, 'vmlinuz'));

    const objects = compileZfs({ work, tree, version, packages, step });
    step('putting it together');
    const root = join(result, 'root');
    for (const name of folders) mkdirSync(join(root, name), { recursive: true });
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
    const modules = join(root, 'usr/lib/modules', version);
    cpSync(join(tree, 'lib/modules', version), modules, { recursive: true });
    mkdirSync(join(modules, 'extra'));
    for (const path of objects) output(['strip', '-g', '-o', join(modules, 'extra', basename(path)), path]);
    output(['depmod', '-b', root, version]);
    addCommands({ work, root, packages });
    writeFileSync(join(result, 'initrd.cpio'), initrd({ root, version }));
    writeFileSync(join(result, 'versions'), `${packages.files().join('\n')}\n`);
    renameSync(result, folder);
    step('ready');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The kernel that the metapackage names, and headers of the very same version: vermagic compares them. */
function fetchPackages(work) {
  const debs = join(work, 'debs');
  mkdirSync(debs);
  const apt = privateApt(join(work, 'apt'));
  apt.update();
  const file = name =>
    join(
      debs,
      readdirSync(debs).find(each => each.startsWith(`${name}_`)),
    );
  const field = (name, key) => output(['dpkg-deb', '-f', file(name), key]).trim();
  /** Of its dependencies those that the pattern fits, with the version where one is asked for. */
  const dependencies = (name, pattern) =>
    field(name, 'Depends')
      .split(/\s*,\s*/)
      .map(each => /^(\S+)(?: \(= (\S+)\))?/.exec(each))
      .filter(match => match && pattern.test(match[1]))
      .map(([, dependency, exact]) => (exact ? `${dependency}=${exact}` : dependency));
  const names = list => list.map(each => each.split('=')[0]);

  apt.download(
    ['linux-image-cloud-amd64', 'zfs-dkms', 'runc', 'libseccomp2', 'libc6', 'busybox-static'],
    debs,
  );
  const kernel = dependencies('linux-image-cloud-amd64', /^linux-image-/);
  const wanted = field('linux-image-cloud-amd64', 'Version');
  apt.download([...kernel, `linux-headers-cloud-amd64=${wanted}`], debs);
  const headers = dependencies('linux-headers-cloud-amd64', /^linux-headers-/);
  apt.download(headers, debs);
  const more = dependencies(names(headers)[0], /^linux-(headers-.*-common|kbuild-)/);
  apt.download(more, debs);
  return {
    kernel: names(kernel),
    headers: names([...headers, ...more]),
    unpack: (name, into) => output(['dpkg', '-x', file(name), into]),
    files: () => readdirSync(debs).sort(),
  };
}

/** @returns the paths of OpenZFS's modules */
function compileZfs({ work, tree, version, packages, step }) {
  for (const name of packages.headers) packages.unpack(name, tree);
  packages.unpack('zfs-dkms', join(work, 'dkms'));
  const source = join(work, 'dkms/usr/src');
  const zfs = join(
    source,
    readdirSync(source).find(name => name.startsWith('zfs-')),
  );
  const flavour = join(tree, 'usr/src', `linux-headers-${version}`);
  const common = join(tree, 'usr/src', `linux-headers-${version.replace(/cloud-amd64$/, 'common')}`);
  // The package names the other one by an absolute path, which would be this machine's own.
  writeFileSync(join(flavour, 'Makefile'), `include ${common}/Makefile\n`);
  step(`configuring OpenZFS for Linux ${version}`);
  output(
    [
      ...['./configure', '--disable-dependency-tracking', '--with-config=kernel'],
      ...[`--with-linux=${common}`, `--with-linux-obj=${flavour}`],
    ],
    { cwd: zfs },
  );
  step('compiling OpenZFS');
  output(['make', `-j${availableParallelism()}`], { cwd: zfs });
  return readdirSync(join(zfs, 'module'), { recursive: true })
    .filter(path => path.endsWith('.ko'))
    .map(path => join(zfs, 'module', path));
}

/** The commands of the machine: busybox under all its names, and runc with the libraries that it is linked with. */
function addCommands({ work, root, packages }) {
  const from = join(work, 'commands');
  for (const name of ['busybox-static', 'runc', 'libc6', 'libseccomp2']) packages.unpack(name, from);
  copyFileSync(join(from, 'bin/busybox'), join(root, 'usr/bin/busybox'));
  for (const applet of output([join(root, 'usr/bin/busybox'), '--list'])
    .split('\n')
    .filter(Boolean))
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'usr/bin', applet));
  copyFileSync(join(from, 'usr/sbin/runc'), join(root, 'usr/sbin/runc'));
  const libraries = 'usr/lib/x86_64-linux-gnu';
  for (const folder of ['lib/x86_64-linux-gnu', libraries])
    for (const name of readdirSync(join(from, folder)).filter(each =>
      /^(lib(c|seccomp)|ld-)[^/]*\.so/.test(each),
    ))
      cpSync(join(from, folder, name), join(root, libraries, name), { verbatimSymlinks: true });
  mkdirSync(join(root, 'usr/lib64'));
  symlinkSync('../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', join(root, 'usr/lib64/ld-linux-x86-64.so.2'));
  writeFileSync(join(root, 'etc/inittab'), '::sysinit:/usr/bin/sh /run/vm/init.sh\n');
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  // As on LinuxKit, whose dhcpcd writes it.
  symlinkSync('/run/resolvconf/resolv.conf', join(root, 'etc/resolv.conf'));
}

/** Numbered, since a module must be loaded after those that it needs. The script that does it comes with each boot. */
function initrd({ root, version }) {
  const paths = forRoot.flatMap(name =>
    output(['modprobe', '-d', root, '-S', version, '--show-depends', name])
      .split('\n')
      .map(line => /^insmod (\S+)/.exec(line)?.[1])
      .filter(Boolean),
  );
  return cpioArchive([
    { path: 'bin/busybox', data: readFileSync(join(root, 'usr/bin/busybox')), mode: 0o755 },
    ...[...new Set(paths)].map((path, index) => ({
      path: `modules/${String(index).padStart(2, '0')}-${basename(path)}`,
      data: readFileSync(path),
    })),
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => {
    if (!process.argv.includes('--locked')) {
      process.stdout.write(`${ensureKit()}\n`);
      return;
    }
    if (!existsSync(kitFolder())) build(kitFolder());
  });
}

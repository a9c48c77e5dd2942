// The base of DISTRO=debian: packages of the machine's own Debian mirror, unpacked by mmdebstrap without
// running any of their scripts, and Node from node_modules (Debian 12 has Node 18). collect.sh takes from
// it what it names.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianSources } from '../guest/apt.mjs';
import { cacheDir, nodeBin } from '../lib/paths.mjs';
import { Failure, output, say } from '../lib/run.mjs';
import { hasImage, importTar, nameFor } from './imports.mjs';

/** dash, coreutils and sed run collect.sh; the rest it collects. Libraries come as dependencies. */
const packages = [
  ...['base-files', 'busybox', 'coreutils', 'dash', 'sed', 'libstdc++6'],
  ...['util-linux', 'mount', 'fdisk', 'e2fsprogs', 'etcd-server', 'zfsutils-linux'],
];

const MMDEBSTRAP_MS = 15 * 60_000;

export async function ensureDebianBase(docker) {
  const release = readFileSync('/etc/os-release', 'utf8');
  const version = output([nodeBin, '--version']).trim();
  const self = readFileSync(new URL(import.meta.url));
  const name = nameFor('dm-linuxkit-base', [self, release, process.arch, version]);
  if (hasImage(docker, name)) return name;
  const sources = debianSources();
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(release)?.[1];
  if (sources.length === 0 || !codename)
    throw new Failure('DISTRO=debian needs a Debian with its mirror under /etc/apt.');
  say(`image: making the Debian base (mmdebstrap, ${codename})`);
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, '.base-'));
  try {
    const tree = join(work, 'tree');
    writeFileSync(join(work, 'sources.list'), `${sources.join('\n')}\n`);
    const how = ['--quiet', '--mode=root', '--variant=extract', `--include=${packages.join(',')}`];
    output(['mmdebstrap', ...how, codename, tree, join(work, 'sources.list')], { timeout: MMDEBSTRAP_MS });
    const node = join(tree, 'usr/bin/node');
    copyFileSync(nodeBin, node);
    output(['strip', node]);
    // Neither the mirror nor anything else of this machine is a part of it.
    for (const each of ['etc/apt', 'var', 'etc/resolv.conf', 'etc/hostname'])
      rmSync(join(tree, each), { recursive: true, force: true });
    await importTar(docker, name, ['-C', tree, '.']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return name;
}

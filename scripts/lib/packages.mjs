// Debian packages, by what they are needed for. A command or a file tells whether one is there, so that a machine
// which has it from somewhere else (etcd unpacked by hand, OpenZFS instead of zfs-fuse) is left as it is.
import { existsSync } from 'node:fs';
import { dockerAnswers } from './docker.mjs';
import { serverPrograms } from './postgresql.mjs';
import { Failure, has, output, say, status } from './run.mjs';

const command = name => () => has(name);
const file = path => () => existsSync(path);

const table = {
  // Real ZFS on a machine without the kernel module. It conflicts with zfsutils-linux, hence "any zfs will do".
  zfs: {
    'zfs-fuse': () => has('zfs') || existsSync('/dev/zfs'),
    fuse3: () => has('fusermount3') || has('fusermount'),
  },
  etcd: { 'etcd-server': command('etcd') },
  postgresql: { postgresql: () => serverPrograms() !== undefined },
  tools: {
    fdisk: command('sfdisk'),
    'util-linux': () => has('flock') && has('setpriv') && has('taskset'),
    e2fsprogs: command('mkfs.ext4'),
    dmsetup: command('dmsetup'),
    mount: command('losetup'),
    procps: command('ps'),
  },
  // What the guest uses of the host's files, and what building its modules takes.
  guest: {
    gcc: command('gcc'),
    make: command('make'),
    flex: command('flex'),
    bison: command('bison'),
    bc: command('bc'),
    kmod: command('modprobe'),
    binutils: command('strip'),
    'xz-utils': command('xz'),
    iproute2: command('ip'),
    'libelf-dev': file('/usr/include/libelf.h'),
    'libssl-dev': file('/usr/include/openssl/ssl.h'),
  },
  // A virtual machine, its CD, and what building its modules takes beside the guest's.
  vm: {
    'qemu-system-x86': command('qemu-system-x86_64'),
    genisoimage: command('genisoimage'),
    'gcc-12': command('gcc-12'),
  },
  docker: { 'docker.io': () => has('dockerd') || dockerAnswers() },
  // What DISTRO=debian is made with.
  debian: { mmdebstrap: command('mmdebstrap'), binutils: command('strip') },
};

/** Which parts of the table each purpose takes. */
const purposes = {
  build: [],
  demo: ['zfs', 'etcd', 'postgresql', 'tools'],
  test: ['zfs', 'etcd', 'postgresql', 'tools', 'guest', 'docker', 'debian', 'vm'],
  bench: ['zfs', 'etcd', 'tools'],
  guest: ['tools', 'guest'],
  vm: ['tools', 'guest', 'docker', 'debian', 'vm'],
  image: ['docker'],
  'image-debian': ['docker', 'debian'],
};

export const knownPurposes = Object.keys(purposes);

export function missingPackages(purpose) {
  const parts = purposes[purpose].flatMap(part => Object.entries(table[part]));
  return parts.filter(([, present]) => !present()).map(([name]) => name);
}

export function installPackages(names) {
  if (names.length === 0) return;
  if (!has('apt-get'))
    throw new Failure(`Not Debian: please install what these packages hold: ${names.join(' ')}`);
  say(`setup: installing Debian packages: ${names.join(' ')}`);
  const sudo = process.getuid() === 0 ? [] : ['sudo', '--'];
  const env = ['env', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l'];
  const apt = (...args) =>
    status([...sudo, ...env, 'apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
      stdio: ['ignore', 2, 2],
    });
  const install = () => apt('install', '-y', '--no-install-recommends', ...names);
  withoutServices(sudo, () => {
    if (names.includes('postgresql')) noPostgresqlCluster(sudo);
    // Package lists may be absent (containers) or too old for the mirror: then, and only then, they are fetched.
    if (install() === 0) return;
    if (apt('update') !== 0 || install() !== 0)
      throw new Failure(`apt-get could not install: ${names.join(' ')}`);
  });
}

const write = (sudo, path, text, mode) => {
  output(
    [...sudo, 'sh', '-c', 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"', 'sh', path, mode],
    { input: text },
  );
};

/** Installing zfs-fuse, etcd or postgresql would start them. policy-rc.d is Debian's own way to say no. */
function withoutServices(sudo, body) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) write(sudo, policy, '#!/bin/sh\nexit 101\n', '755');
  try {
    body();
  } finally {
    if (ours) output([...sudo, 'rm', '-f', policy]);
  }
}

/** The demo makes its own cluster on a dot; the one Debian makes by itself would only lie there. */
function noPostgresqlCluster(sudo) {
  const conf = '/etc/postgresql-common/createcluster.d/dm-linuxkit.conf';
  if (!existsSync('/etc/postgresql-common')) write(sudo, conf, 'create_main_cluster = false\n', '644');
}

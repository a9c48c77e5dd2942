/** How etcd is called. Pure; tried with 3.4.23, flags compared with the documentation of 3.5 and 3.6. */

import { DmError } from '../lib/errors.ts';

export interface EtcdVersion {
  /** `3.4`: data of another one is not read. */
  series: string;
  full: string;
}

/**
 * Reads what `etcd --version` prints.
 *
 * @throws DmError services/ETCD_UNSUPPORTED for anything but 3.4 or newer of 3
 */
export function parseEtcdVersion(text: string): EtcdVersion {
  const [, major, minor, rest = ''] = /^etcd Version: (\d+)\.(\d+)(\S*)/m.exec(text) ?? [];
  if (major === '3' && Number(minor) >= 4)
    return { series: `${major}.${minor}`, full: `${major}.${minor}${rest}` };
  const found = major === undefined ? 'gives no version' : `is ${major}.${minor}${rest}`;
  throw new DmError(
    'services',
    'ETCD_UNSUPPORTED',
    `The installed etcd ${found}; 3.4, 3.5 or 3.6 is needed.`,
  );
}

/**
 * A few hundred bytes per dot and branch: this is room for a hundred thousand, and small beside the
 * reservation.
 */
const QUOTA_BYTES = 128 * 2 ** 20;

/**
 * Arguments for a cluster of one, without any TCP port: clients and peers meet at sockets in the working
 * directory. 3.4 refuses `unix:///path`; a host and a port, here the file's name and 0, are understood by
 * all of them. A member that is alone waits for its own election: with these intervals 50 ms instead of a
 * second.
 */
export function etcdArguments({ series }: EtcdVersion, dataDirectory: string): string[] {
  const client = 'unix://etcd.sock:0';
  const peer = 'unix://etcd-peer.sock:0';
  return [
    '--name=default',
    `--data-dir=${dataDirectory}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--heartbeat-interval=10',
    '--election-timeout=50',
    `--quota-backend-bytes=${QUOTA_BYTES}`,
    '--auto-compaction-mode=revision',
    '--auto-compaction-retention=1000',
    // 3.4 logs through capnslog unless told so, and that knows no level; later ones have zap only.
    ...(series === '3.4' ? ['--logger=zap'] : []),
    '--log-outputs=stderr',
    '--log-level=warn',
  ];
}

/** Go's names of what Node calls otherwise. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { ia32: '386', mipsel: 'mipsle' };
/** In Node's words: amd64, ppc64le, s390x. 3.5 has arm64 as well. */
const SUPPORTED = ['x64', 'ppc64', 's390x'];

/**
 * What to change in the environment for etcd. It reads every flag from there too (ETCD_NAME…): what is set there must not
 * join ours. And where it is not supported it ends at once, `etcd --version` included, unless the variable says that
 * this is known (etcdmain/etcd.go, checkSupportArch); one that does not need it warns of an unknown variable. Pure.
 *
 * @param architecture as `process.arch` has it
 */
export function etcdEnvironment(
  environment: NodeJS.ProcessEnv,
  architecture: string = process.arch,
): Record<string, string | undefined> {
  const names = Object.keys(environment).filter(name => name.startsWith('ETCD_'));
  const without = Object.fromEntries(names.map(name => [name, undefined]));
  if (SUPPORTED.includes(architecture)) return without;
  return { ...without, ETCD_UNSUPPORTED_ARCH: GO_ARCHITECTURES[architecture] ?? architecture };
}

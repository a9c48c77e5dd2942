/** What `dotmesh-server` prints about itself and its machine. */

import type { NetworkInterfaceInfo } from 'node:os';
import type { FlagSpec } from '../lib/flags.ts';
import { ENV } from '../wire/environment.ts';

export const FLAGS: readonly FlagSpec[] = [
  { name: 'version', type: 'boolean', help: 'print the version' },
  { name: 'help', aliases: ['h'], type: 'boolean', help: 'print this' },
  {
    name: 'guess-ipv4-addresses',
    type: 'boolean',
    help: "print this machine's IPv4 addresses, with commas between",
  },
];

const VARIABLES: [name: string, meaning: string][] = [
  [ENV.pool, 'the ZFS pool; must be imported'],
  [ENV.etcdEndpoint, 'http://…, https://… or unix:///path of etcd'],
  [ENV.pkiPath, 'directory of ca.pem, apiserver.pem and apiserver-key.pem, for https'],
  [ENV.mountPrefix, 'where dots are mounted'],
  [ENV.containerMountPrefix, 'where the paths for containers are'],
  [ENV.listen, '[HOST]:PORT to listen on, or off for the UNIX socket alone (default :32607)'],
  [ENV.port, 'the port alone, as the original spells it'],
  [ENV.checkListen, '[HOST]:PORT for liveness checks, or off (default: the next port)'],
  [ENV.socket, 'UNIX socket on which the caller is admin (default: none)'],
  [ENV.stateDirectory, 'directory on the pool for state (default: a dataset of its own)'],
  [ENV.adminApiKeyFile, "file that holds the admin's API key"],
  [ENV.adminPasswordFile, "file that holds the admin's password"],
  [ENV.adminApiKey, 'the API key itself, base64'],
  [ENV.adminPassword, 'the password itself, base64'],
  [ENV.logLevel, 'trace, debug, info, warn, error or silent (default info)'],
  [ENV.logFormat, 'text or json (default text)'],
];

export function helpText(): string {
  const rows = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([name, meaning]) => `  ${name.padEnd(28)} ${meaning}`).join('\n');
  return `dotmesh-server: owns the dots on a ZFS pool and serves them over HTTP.

Usage: dotmesh-server [flags]

Flags:
${rows(FLAGS.map(({ name, help }) => [`--${name}`, help]))}

Everything else comes from the environment:
${rows(VARIABLES)}
`;
}

/** Addresses that other machines may reach: no loopback, no interfaces of containers. */
export function guessAddresses(
  interfaces: Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>,
): string[] {
  return Object.entries(interfaces)
    .filter(([name]) => !/^(?:docker|veth)/.test(name))
    .flatMap(([, addresses = []]) => addresses)
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

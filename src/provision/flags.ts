/** The flags of dm-linuxkit: one table for the parser and for the help text. */

import type { FlagSpec } from '../lib/flags.ts';
import { DEFAULT_POOL } from '../model/layout.ts';
import { DEFAULT_PORT } from '../wire/methods.ts';

export const CONFIG_DIRECTORY = '/run/config/dotmesh';
export const DEFAULT_FILES = {
  seed: `${CONFIG_DIRECTORY}/seed`,
  credentials: `${CONFIG_DIRECTORY}/credentials`,
  adminApiKey: `${CONFIG_DIRECTORY}/admin-api-key`,
  adminPassword: `${CONFIG_DIRECTORY}/admin-password`,
} as const;
export const DEFAULT_USERDATA = '/run/config/userdata';
export const DEFAULT_LISTEN = `:${DEFAULT_PORT}`;
export const DEFAULT_STORAGE_SIZE = '10G';
export const DEFAULT_TIMEOUT = '5m';
export const DEFAULT_ON_FAILURE = 'exit' as const;
export const DEFAULT_ON_FAILURE_TIMEOUT = '10m';
/** In place of devices: those of the pool, or the blank one. */
export const AUTO = 'auto';
export const DEFAULT_DEVICE_WAIT = '5s';

export interface Flag extends FlagSpec {
  group: 'What to provide' | 'Storage' | 'Seed' | 'How to run' | 'Everything else';
  default?: string;
}

export const FLAGS: readonly Flag[] = [
  {
    group: 'What to provide',
    name: 'dot',
    type: 'string',
    value: 'DOT',
    help: '[namespace/]name[@branch][.subdot]; "hostname" takes the name of this machine',
  },
  {
    group: 'What to provide',
    name: 'dot-file',
    type: 'string',
    value: 'FILE',
    help: 'file that holds the dot, instead of --dot',
  },
  {
    group: 'What to provide',
    name: 'mountpoint',
    type: 'string',
    value: 'DIRECTORY',
    help: 'where the directory of the dot appears; made when it is missing, refused when it holds files',
  },
  {
    group: 'What to provide',
    name: 'owner',
    type: 'string',
    value: 'UID[:GID]',
    help: 'owner of that directory, set when it is made and never again',
  },
  {
    group: 'What to provide',
    name: 'mode',
    type: 'string',
    value: 'MODE',
    help: 'permissions of that directory (0750), set when it is made and never again',
  },
  {
    group: 'Storage',
    name: 'storage-device',
    aliases: ['zpool-device'],
    type: 'list',
    value: 'DEVICE',
    help: 'block devices or files; "auto" takes the disks of the pool, else the one blank disk',
  },
  {
    group: 'Storage',
    name: 'wait-device',
    type: 'string',
    value: 'DURATION',
    default: DEFAULT_DEVICE_WAIT,
    help: 'how long a late device is waited for, and with "auto" a blank disk not taken; 0 for no wait',
  },
  {
    group: 'Storage',
    name: 'storage-size',
    type: 'string',
    value: 'SIZE',
    default: DEFAULT_STORAGE_SIZE,
    help: 'size of a storage file that does not exist yet (sparse)',
  },
  {
    group: 'Storage',
    name: 'pool-name',
    type: 'string',
    value: 'NAME',
    default: DEFAULT_POOL,
    help: 'name of the ZFS pool',
  },
  {
    group: 'Storage',
    name: 'force',
    type: 'boolean',
    help: 'WIPES devices that carry something else; never needed for a blank one',
  },
  {
    group: 'Storage',
    name: 'takeover',
    type: 'boolean',
    help: 'import a pool that another host used last, when you know that it does not use it now',
  },
  {
    group: 'Seed',
    name: 'seed',
    type: 'string',
    value: 'REMOTE',
    help: 'host[:port]/namespace/dot[@branch][.subdot] to start from',
  },
  {
    group: 'Seed',
    name: 'seed-file',
    type: 'string',
    value: 'FILE',
    default: DEFAULT_FILES.seed,
    help: 'file that holds the seed',
  },
  { group: 'Seed', name: 'remote-username', type: 'string', value: 'NAME', help: 'user on the remote' },
  {
    group: 'Seed',
    name: 'remote-apikey',
    type: 'string',
    value: 'KEY',
    help: 'API key on the remote; others on this machine can see it, a file is better',
  },
  {
    group: 'Seed',
    name: 'credentials-file',
    type: 'string',
    value: 'FILE',
    default: DEFAULT_FILES.credentials,
    help: 'file that holds user:key for the remote',
  },
  {
    group: 'How to run',
    name: 'oneshot',
    type: 'boolean',
    help: 'provide and exit; the mount stays (the default)',
  },
  {
    group: 'How to run',
    name: 'daemon',
    type: 'boolean',
    help: 'provide and stay in the foreground, looking after etcd and the server',
  },
  {
    group: 'How to run',
    name: 'listen',
    type: 'string',
    value: '[HOST]:PORT',
    default: DEFAULT_LISTEN,
    help: 'where the API listens; in a one-shot only when it is given',
  },
  {
    group: 'How to run',
    name: 'timeout',
    type: 'string',
    value: 'DURATION',
    default: DEFAULT_TIMEOUT,
    help: 'how long providing may take: 90s, 5m, or seconds',
  },
  {
    group: 'How to run',
    name: 'on-failure',
    type: 'string',
    value: 'WHAT',
    default: DEFAULT_ON_FAILURE,
    help: 'what a run that failed does: exit; wait, which tries again and holds the boot; poweroff',
  },
  {
    group: 'How to run',
    name: 'on-failure-timeout',
    type: 'string',
    value: 'DURATION',
    default: DEFAULT_ON_FAILURE_TIMEOUT,
    help: 'how long --on-failure=wait holds the boot and tries again',
  },
  {
    group: 'How to run',
    name: 'console',
    type: 'string',
    value: 'FILE',
    help: 'where the result is told in one line as well, such as /dev/console',
  },
  {
    group: 'Everything else',
    name: 'admin-api-key-file',
    type: 'string',
    value: 'FILE',
    default: DEFAULT_FILES.adminApiKey,
    help: "the admin's API key; without one, one is made and kept on the pool",
  },
  {
    group: 'Everything else',
    name: 'admin-password-file',
    type: 'string',
    value: 'FILE',
    default: DEFAULT_FILES.adminPassword,
    help: "the admin's password; without one, one is made and kept on the pool",
  },
  {
    group: 'Everything else',
    name: 'shred-userdata',
    type: 'boolean',
    help: 'remove our secrets from the raw user-data, which LinuxKit leaves readable by everybody',
  },
  {
    group: 'Everything else',
    name: 'userdata-file',
    type: 'string',
    value: 'FILE',
    default: DEFAULT_USERDATA,
    help: 'where the raw user-data is',
  },
  {
    group: 'Everything else',
    name: 'output',
    type: 'string',
    value: 'FILE',
    help: 'with metadata: the file to write (0600), which must not be there yet; else it is printed',
  },
  {
    group: 'Everything else',
    name: 'log-level',
    type: 'string',
    value: 'LEVEL',
    default: 'info',
    help: 'trace, debug, info, warn, error or silent',
  },
  {
    group: 'Everything else',
    name: 'log-format',
    type: 'string',
    value: 'FORMAT',
    default: 'text',
    help: 'text or json',
  },
  { group: 'Everything else', name: 'export', type: 'boolean', help: 'with stop: export the pool as well' },
  { group: 'Everything else', name: 'version', type: 'boolean', help: 'print the version' },
  { group: 'Everything else', name: 'help', aliases: ['h'], type: 'boolean', help: 'print this' },
];

/** Flags that mean something to `dm-linuxkit stop`. */
export const STOP_FLAGS: readonly string[] = ['export', 'pool-name', 'timeout', 'log-level', 'log-format'];
/** Flags that mean something to `dm-linuxkit unmount`. */
export const UNMOUNT_FLAGS: readonly string[] = ['pool-name', 'timeout', 'log-level', 'log-format'];
/** Flags that mean something to `dm-linuxkit metadata`. */
export const METADATA_FLAGS: readonly string[] = ['seed', 'credentials-file', 'output'];

const INTRODUCTION = `dm-linuxkit finds or makes a ZFS pool, starts etcd and dotmesh-server on it,
creates a dot and mounts it.

Usage:
  dm-linuxkit --storage-device=DEVICE --dot=DOT --mountpoint=DIRECTORY [FLAGS]
  dm-linuxkit --storage-device=DEVICE --daemon [FLAGS]
  dm-linuxkit unmount DIRECTORY [--pool-name=NAME]
  dm-linuxkit stop [--export] [--pool-name=NAME]
  dm-linuxkit metadata [--seed=REMOTE] [--credentials-file=FILE] [--output=FILE]
`;

/** The help text; every flag also works with one dash (-dot=NAME), as in existing LinuxKit YAML. */
export function helpText(): string {
  let text = INTRODUCTION;
  let group = '';
  for (const flag of FLAGS) {
    if (flag.group !== group) text += `\n${flag.group}:\n`;
    group = flag.group;
    const preset = flag.default === undefined ? '' : ` (default ${flag.default})`;
    text += `  ${headOf(flag)}\n        ${flag.help}${preset}\n`;
  }
  return `${text}\nEvery flag also works with one dash: -dot=NAME.\n`;
}

function headOf({ name, aliases = [], value }: Flag): string {
  const names = [name, ...aliases].map(each => (each.length === 1 ? `-${each}` : `--${each}`));
  return `${names.join(', ')}${value === undefined ? '' : `=${value}`}`;
}

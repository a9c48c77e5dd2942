// The OCI configuration that LinuxKit makes of an entry of `onboot` or `services` and of the image's label
// (src/cmd/linuxkit/moby/config.go at commit 3bf33c3a1), as far as our YAML files go. What they do not use is refused
// rather than left out. Pure.
import { LABEL } from '../image/label.mjs';

/** Keys that are understood; `name` and `image` besides. */
const KEYS = [
  ...['command', 'env', 'cwd', 'binds', 'binds.add', 'tmpfs', 'capabilities', 'capabilities.add', 'devices'],
  ...['net', 'pid', 'readonly', 'uid', 'gid', 'rootfsPropagation'],
];

/** What `all` means: those of Linux 6.1. */
const ALL = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...[
    'LINUX_IMMUTABLE',
    'NET_BIND_SERVICE',
    'NET_BROADCAST',
    'NET_ADMIN',
    'NET_RAW',
    'IPC_LOCK',
    'IPC_OWNER',
  ],
  ...[
    'SYS_MODULE',
    'SYS_RAWIO',
    'SYS_CHROOT',
    'SYS_PTRACE',
    'SYS_PACCT',
    'SYS_ADMIN',
    'SYS_BOOT',
    'SYS_NICE',
  ],
  ...[
    'SYS_RESOURCE',
    'SYS_TIME',
    'SYS_TTY_CONFIG',
    'MKNOD',
    'LEASE',
    'AUDIT_WRITE',
    'AUDIT_CONTROL',
    'SETFCAP',
  ],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
].map(name => `CAP_${name}`);

function capabilitiesOf(names) {
  if (names.length === 1 && names[0] === 'none') return [];
  return names.length === 1 && names[0] === 'all' ? ALL : names;
}

const none = ['nosuid', 'noexec', 'nodev'];
/** What every container has. No /dev/shm and no /dev/mqueue. */
const standard = readonly => [
  { destination: '/proc', type: 'proc', source: 'proc', options: [...none, 'relatime'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k', ...(readonly ? ['ro'] : [])],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...none, ...(readonly ? ['ro'] : [])] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: [...none, 'relatime', 'ro'],
  },
];

/** Without options a bind is rw,rbind,rshared; with options it is those and rbind. */
function bindMount(text) {
  const [source, destination, options] = text.split(':');
  if (!destination) throw new Error(`"${text}" is no bind`);
  return {
    destination,
    type: 'bind',
    source,
    options: options ? [...options.split(','), 'rbind'] : ['rw', 'rbind', 'rshared'],
  };
}

function tmpfsMount(text) {
  const [destination, options] = text.split(':');
  return { destination, type: 'tmpfs', source: 'tmpfs', options: options ? options.split(',') : [] };
}

/** A list of the entry replaces the label's; its `.add` adds to it. */
function listOf(key, label, entry) {
  return entry[key] ?? [...(label[key] ?? []), ...(entry[`${key}.add`] ?? [])];
}

/** `new` and `none` give a namespace of its own; `host` and nothing, for the network, the machine's. Mounts and cgroups
 * are always the container's own. */
function namespaces({ net, pid }) {
  const own = type => ({ type });
  const isShared = value => value === undefined || value === 'host' || value === 'root';
  return [
    ...(isShared(net) ? [] : [own('network')]),
    ...(pid === 'host' ? [] : [own('pid')]),
    ...['mount', 'cgroup'].map(own),
  ];
}

const cgroupDevice = ({ path, type = 'a', major, minor, mode }) =>
  path === 'all'
    ? { allow: true, type, access: 'rwm' }
    : { allow: true, type, major, minor, access: mode ?? 'rwm' };

/**
 * @param entry  an entry of a parsed image YAML
 * @param image  { Env, Entrypoint, Cmd, WorkingDir, Labels }: the image's configuration, as `docker inspect` has it
 * @returns the content of config.json for runc; the root filesystem is `rootfs` beside it
 */
export function ociConfig(entry, image) {
  const label = JSON.parse(image.Labels?.[LABEL] ?? '{}');
  for (const key of [...Object.keys(label), ...Object.keys(entry)])
    if (!KEYS.includes(key) && key !== 'name' && key !== 'image')
      throw new Error(`${entry.name}: this machine does not know "${key}"`);
  const value = key => entry[key] ?? label[key];
  const readonly = value('readonly') ?? false;
  const mounts = new Map(standard(readonly).map(each => [each.destination, each]));
  for (const each of listOf('tmpfs', label, entry).map(tmpfsMount)) mounts.set(each.destination, each);
  for (const each of listOf('binds', label, entry).map(bindMount)) mounts.set(each.destination, each);
  const capabilities = capabilitiesOf(listOf('capabilities', label, entry));
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: value('uid') ?? 0, gid: value('gid') ?? 0 },
      args: value('command') ?? [...(image.Entrypoint ?? []), ...(image.Cmd ?? [])],
      env: value('env') ?? image.Env,
      cwd: value('cwd') ?? (image.WorkingDir || '/'),
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        inheritable: capabilities,
        permitted: capabilities,
        ambient: [],
      },
      noNewPrivileges: false,
    },
    root: { path: 'rootfs', readonly },
    // /dev before /dev/pts.
    mounts: [...mounts.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1)),
    linux: {
      namespaces: namespaces({ net: value('net'), pid: value('pid') }),
      resources: {
        devices: [{ allow: false, access: 'rwm' }, ...(value('devices') ?? []).map(cgroupDevice)],
      },
      ...(value('rootfsPropagation') ? { rootfsPropagation: value('rootfsPropagation') } : {}),
    },
  };
}

// What LinuxKit would put below /containers for an image YAML: one folder for each entry, numbered under `onboot`. Our
// image has its own configuration; LinuxKit's packages have a stand-in, since no registry can be reached where this is
// tested; the image of an application is ours too, without its label. Pure.
import { ociConfig } from './oci.mjs';

/** The network that QEMU makes for its machine is always this one. */
const NETWORK = `ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
echo nameserver 10.0.2.3 >/run/resolvconf/resolv.conf
`;

const quoted = word => `'${word.replaceAll("'", "'\\''")}'`;

/** linuxkit/NAME:… → NAME */
const packageOf = image => /^linuxkit\/([a-z-]+):/.exec(image)?.[1];

const standIns = {
  sysctl: () => ({ script: 'true\n' }),
  dhcpcd: () => ({ script: NETWORK }),
  modprobe: ({ command }) => ({ script: `${command.map(quoted).join(' ')}\n` }),
  metadata: ({ name, command }) => ({
    // Starting node is half a boot here; without a CD there is nothing to find.
    onlyIf: '/dev/sr0',
    entry: {
      name,
      command: ['/usr/bin/node', '/metadata.cjs', ...command.slice(1)],
      binds: ['/dev:/dev', '/run:/run', '/run/vm/metadata.cjs:/metadata.cjs:ro'],
      devices: [{ path: 'all', type: 'b' }],
      tmpfs: ['/tmp'],
      capabilities: ['CAP_SYS_ADMIN'],
    },
  }),
};

/** A template that names the top of this repository, or a reference whose last part is our image's name. */
const isOurs = image => /^@pkg:\.\.?\/?$/.test(image) || /(^|\/)dm-linuxkit(:|@|$)/.test(image);

function bundle(entry, image) {
  const name = packageOf(entry.image);
  const standIn = name && standIns[name]?.(entry);
  if (name && !standIn) throw new Error(`${entry.image} has no stand-in`);
  if (standIn?.script) return { 'stand-in': standIn.script };
  const bare = { Env: image.Env };
  const config = standIn
    ? ociConfig(standIn.entry, bare)
    : ociConfig(entry, isOurs(entry.image) ? image : bare);
  return {
    'config.json': `${JSON.stringify(config, undefined, 1)}\n`,
    ...(standIn ? { 'only-if': standIn.onlyIf } : {}),
  };
}

/**
 * @param yaml   a parsed image YAML
 * @param image  the configuration of our image, as `docker inspect` has it
 * @param toConsole  names of services whose output is wanted on the console
 * @returns [{ path, data }], relative to /containers
 */
export function bundles({ onboot = [], services = [] }, image, { toConsole = [] } = {}) {
  const files = (folder, entry, more = {}) =>
    Object.entries({ ...bundle(entry, image), ...more }).map(([name, data]) => ({
      path: `${folder}/${name}`,
      data,
    }));
  return [
    ...onboot.flatMap((entry, index) =>
      files(`onboot/${String(index).padStart(3, '0')}-${entry.name}`, entry),
    ),
    ...services.flatMap(entry =>
      files(`services/${entry.name}`, entry, toConsole.includes(entry.name) ? { 'to-console': '' } : {}),
    ),
  ];
}

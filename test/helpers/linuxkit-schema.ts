/**
 * What `linuxkit build` accepts in an image YAML, as its embedded JSON schema says it (LinuxKit at commit 3bf33c3a1):
 * unknown keys are errors at every level. Beside the schema, the traps that LinuxKit meets only later or not at all.
 * The result is a list of sentences, each with the place in front; empty when there is nothing to say.
 */

type Check = (value: unknown, at: string) => string[];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kind = (what: string, fits: (value: unknown) => boolean): Check => {
  return (value, at) => (fits(value) ? [] : [`${at}: ${JSON.stringify(value)} is not ${what}`]);
};
const string = kind('a string', value => typeof value === 'string');
const boolean = kind('true or false', value => typeof value === 'boolean');
const integer = kind('an integer', Number.isInteger);
const id = kind('a number or a name', value => Number.isInteger(value) || typeof value === 'string');
/** A bare 0666 is a number in YAML, and refused. */
const octal = kind('an octal string', value => typeof value === 'string' && /^0?[0-7]{3,4}$/.test(value));
const matching = (pattern: RegExp): Check =>
  kind(`like ${pattern}`, value => typeof value === 'string' && pattern.test(value));
const oneOf = (...words: string[]): Check =>
  kind(`one of ${words.join(', ')}`, v => words.includes(String(v)));

const list = (each: Check): Check => {
  return (value, at) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => each(item, `${at}[${index}]`))
      : [`${at}: it is not a list`];
};
const mapOf = (each: Check): Check => {
  return (value, at) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, item]) => each(item, `${at}.${key}`))
      : [`${at}: it is not a map`];
};
const object = (keys: Record<string, Check>, required: readonly string[] = []): Check => {
  return (value, at) => {
    if (!isObject(value)) return [`${at}: it is not a map`];
    const missing = required.filter(key => !(key in value)).map(key => `${at}: ${key} is missing`);
    const faults = Object.entries(value).flatMap(
      ([key, item]) => keys[key]?.(item, `${at}.${key}`) ?? [`${at}: there is no key ${key}`],
    );
    return [...missing, ...faults];
  };
};

const strings = list(string);
const bind = matching(/^[^:]+:\/[^:]*(:[a-z,]+)?$/);
const propagation = oneOf('shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate');
const capability = matching(/^(CAP_[A-Z_]+|all|none)$/);
const capabilities: Check = (value, at) => [
  ...list(capability)(value, at),
  ...(Array.isArray(value) && value.length > 1 && value.some(each => each === 'all' || each === 'none')
    ? [`${at}: "all" and "none" stand alone`]
    : []),
];
const device: Check = (value, at) => [
  ...object({ path: string, type: oneOf('a', 'b', 'c'), major: integer, minor: integer, mode: octal }, [
    'path',
  ])(value, at),
  ...(isObject(value) && value['path'] !== 'all' && !('mode' in value) ? [`${at}: mode is missing`] : []),
];
const mount = object({ type: string, source: string, destination: string, options: strings });
const idMapping = object({ hostID: integer, containerID: integer, size: integer });
const resources = object({
  memory: object({
    limit: integer,
    reservation: integer,
    swap: integer,
    kernel: integer,
    kernelTCP: integer,
    swappiness: integer,
    disableOOMKiller: boolean,
  }),
  cpu: mapOf(() => []),
  pids: object({ limit: integer }),
  blockio: mapOf(() => []),
  hugepageLimits: list(() => []),
  network: mapOf(() => []),
  devices: list(() => []),
});

/** Every key of an image but `name` and `image`: also what the label org.mobyproject.config may hold. */
const CONFIG: Record<string, Check> = {
  command: strings,
  env: strings,
  cwd: string,
  binds: list(bind),
  'binds.add': list(bind),
  mounts: list(mount),
  tmpfs: list(matching(/^\/[^:]*(:[^:]+)?$/)),
  capabilities,
  'capabilities.add': list(capability),
  ambient: list(capability),
  devices: list(device),
  net: string,
  ipc: string,
  uts: string,
  pid: string,
  userns: string,
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
  readonly: boolean,
  maskedPaths: strings,
  readonlyPaths: strings,
  uid: id,
  gid: id,
  additionalGids: list(id),
  noNewPrivileges: boolean,
  hostname: string,
  oomScoreAdj: integer,
  rootfsPropagation: propagation,
  cgroupsPath: string,
  resources,
  sysctl: mapOf(string),
  rlimits: list(matching(/^[^,]+,[^,]+,[^,]+$/)),
  annotations: mapOf(string),
  runtime: object({
    cgroups: strings,
    mounts: list(mount),
    mkdir: strings,
    interfaces: list(mapOf(() => [])),
    bindNS: mapOf(string),
    namespace: string,
  }),
};

const named = object({ name: string, image: string, ...CONFIG }, ['name', 'image']);
const image: Check = (value, at) => {
  const both = (key: string) =>
    isObject(value) && key in value && `${key}.add` in value
      ? [`${at}: ${key}.add is ignored beside ${key}`]
      : [];
  return [...named(value, at), ...both('binds'), ...both('capabilities')];
};

const file: Check = (value, at) => [
  ...object(
    {
      path: string,
      directory: boolean,
      symlink: string,
      contents: string,
      source: string,
      metadata: oneOf('yaml', 'json'),
      optional: boolean,
      mode: octal,
      uid: id,
      gid: id,
    },
    ['path'],
  )(value, at),
  ...(isObject(value) && /^\/?(run|var|tmp)\//.test(String(value['path']))
    ? [`${at}: ${value['path']} is hidden by a tmpfs at boot`]
    : []),
];

const yaml = object({
  kernel: object({ image: string, cmdline: string, binary: string, tar: string, ucode: string }),
  init: strings,
  volumes: list(
    object(
      {
        name: matching(/^[a-z0-9_-]*$/),
        image: string,
        readonly: boolean,
        format: oneOf('oci', 'filesystem'),
        platforms: strings,
      },
      ['name'],
    ),
  ),
  onboot: list(image),
  onshutdown: list(image),
  services: list(image),
  files: list(file),
  trust: object({ image: strings, org: strings }),
});

/** Faults of a parsed image YAML. */
export function linuxkitFaults(parsed: unknown): string[] {
  return [...yaml(parsed, 'yaml'), ...twins(parsed)];
}

/** Faults of the label org.mobyproject.config, which is `config` of build.yml. */
export function labelFaults(config: unknown): string[] {
  const additions = isObject(config) ? Object.keys(config).filter(key => key.endsWith('.add')) : [];
  return [...object(CONFIG)(config, 'label'), ...additions.map(key => `label: ${key} does nothing there`)];
}

/** The name of a service is its id in containerd. */
function twins(parsed: unknown): string[] {
  const services = isObject(parsed) && Array.isArray(parsed['services']) ? parsed['services'] : [];
  const names = services.map(service => (isObject(service) ? service['name'] : undefined));
  return names
    .filter((name, index) => names.indexOf(name) !== index)
    .map(name => `yaml.services: ${JSON.stringify(name)} is there twice`);
}

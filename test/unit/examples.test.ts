import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { DEFAULT_FILES } from '../../src/provision/flags.ts';
import { type ProvisionOptions, parseCommand } from '../../src/provision/options.ts';
import { secretFault } from '../../src/provision/secrets.ts';
import {
  commandLines,
  type Entry,
  examples,
  isOurs,
  parseExample,
  readExample,
} from '../helpers/examples.ts';
import { labelFaults, linuxkitFaults } from '../helpers/linuxkit-schema.ts';

/** Tags that LinuxKit's own examples use at the commit that we go by; old ones are how such YAML rots. */
const CURRENT: Record<string, string> = {
  'linuxkit/kernel': '6.12.59',
  'linuxkit/init': 'b5506cc74a6812dc40982cacfd2f4328f8a4b12a',
  'linuxkit/runc': '9442aa234715e751a16144f1d4ae3fd1a00fd492',
  'linuxkit/containerd': 'ba19f64efd3331a8fd0a33e00eabd14f6ee1780e',
  'linuxkit/ca-certificates': '256f1950df59f2f209e9f0b81374177409eb11de',
  'linuxkit/sysctl': '43ac1d39da329c3567fcb9689e5ca99de6d169b6',
  'linuxkit/dhcpcd': 'b87e9ececac55a65eaa592f4dd8b4e0c3009afdb',
  'linuxkit/modprobe': '4248cdc3494779010e7e7488fc17b6fd45b73aeb',
  'linuxkit/metadata': '4bbf406678d376e1ae9c9efae6ca2421f63fb4ff',
};

const entriesOf = ({ yaml }: (typeof examples)[number]): Entry[] => [...yaml.onboot, ...yaml.services];

function provisioned(command: readonly string[] = []): ProvisionOptions {
  const parsed = parseCommand(command.slice(1));
  if (parsed.kind !== 'provision') throw new Error(`${command.join(' ')} provides nothing`);
  return parsed.options;
}

for (const example of examples) {
  const { name, yaml } = example;
  const ours = entriesOf(example).filter(isOurs);
  const provisionedAtBoot = () => yaml.onboot.filter(isOurs).map(({ command }) => provisioned(command));

  test(`${name} keeps LinuxKit's schema, and names its images by the current tags`, t => {
    t.deepEqual(linuxkitFaults(yaml), []);
    const images = [yaml.kernel.image, ...yaml.init, ...entriesOf(example).map(({ image }) => image)];
    const theirs = images.filter(image => image.startsWith('linuxkit/'));
    t.deepEqual(
      theirs.filter(image => CURRENT[image.split(':')[0] ?? ''] !== image.split(':')[1]),
      [],
    );
    const files = theirs.length + images.filter(image => image.startsWith('@pkg:')).length;
    t.true(files >= 10, 'the images were found');
  });

  test(`${name} has the network, the metadata and the module before the dot`, t => {
    const names = yaml.onboot.map(({ name }) => name);
    t.deepEqual(names.slice(0, 4), ['sysctl', 'dhcpcd', 'metadata', 'modprobe']);
    t.true(yaml.onboot.slice(4).every(isOurs));
  });

  test(`${name} leaves everything but the command to the label of our image, which is stored once`, t => {
    for (const entry of ours) t.deepEqual(Object.keys(entry).sort(), ['command', 'image', 'name']);
    t.is(new Set(ours.map(({ image }) => image)).size, 1);
  });

  test(`${name} waits when its dot can not be had, and serves the dot that it made`, t => {
    const steps = provisionedAtBoot();
    t.true(steps.length > 0);
    t.true(steps.every(({ mode }) => mode === 'oneshot'));
    for (const { command } of yaml.onboot.filter(isOurs)) t.true(command?.includes('--on-failure=wait'));
    const services = yaml.services.filter(isOurs);
    t.is(services.length, 1);
    const served = provisioned(services[0]?.command);
    t.is(served.mode, 'daemon');
    const same = ({ target, devices, poolName }: ProvisionOptions) => ({ target, devices, poolName });
    t.true(steps.some(step => JSON.stringify(same(step)) === JSON.stringify(same(served))));
  });

  test(`${name} gives applications the dot itself, and makes no directory that could stand in for it`, t => {
    const dots = provisionedAtBoot().map(({ target }) => target?.mountpoint ?? '');
    for (const entry of entriesOf(example)) {
      t.deepEqual(entry.runtime?.mkdir ?? [], []);
      const below = (entry.binds ?? []).filter(each => /^\/(var|srv)\b/.test(each));
      for (const each of below) {
        const [source, , options = ''] = each.split(':');
        t.true(dots.includes(source ?? ''), `${entry.name} binds ${source}`);
        t.true(options.split(',').includes('rslave'), each);
      }
    }
    t.is(yaml.files, undefined);
    for (const application of yaml.services.filter(entry => !isOurs(entry)))
      t.is(application.capabilities, undefined, `${application.name} needs no capability`);
  });
}

test('the label of our image keeps the schema, and the page names all of it that a user must repeat', t => {
  const { config } = parse(readFileSync('build.yml', 'utf8')) as {
    config: { binds: string[]; capabilities: string[] };
  };
  t.deepEqual(labelFaults(config), []);
  const page = readFileSync('docs/linuxkit.md', 'utf8');
  const unsaid = [...config.binds, ...config.capabilities].filter(word => !page.includes(`\`${word}\``));
  t.deepEqual(unsaid, []);
});

test('what LinuxKit refuses, or takes and ignores, is found', t => {
  const image = { name: 'x', image: 'x' };
  const faults = (more: object) => linuxkitFaults({ services: [{ ...image, ...more }] });
  t.deepEqual(faults({ devices: [{ path: 'all', type: 'a' }], pid: 'host', rlimits: ['nofile,1,2'] }), []);
  const refused: object[] = [
    { restart: 'always' },
    { rmlimits: ['nofile,1,2'] },
    { devices: [{ path: '/dev/zfs', type: 'c', mode: 0o666 }] },
    { devices: [{ path: '/dev/zfs', type: 'c' }] },
    { binds: ['/var'] },
    { binds: ['/var:/var'], 'binds.add': ['/run:/run'] },
    { capabilities: ['SYS_ADMIN'] },
    { capabilities: ['all', 'CAP_SYS_ADMIN'] },
    { rootfsPropagation: 'yes' },
    { command: 'dm-linuxkit' },
    { runtime: { mkDir: ['/var/x'] } },
  ];
  for (const more of refused) t.is(faults(more).length, 1, JSON.stringify(more));
  t.is(linuxkitFaults({ services: [image, image] }).length, 1);
  t.is(linuxkitFaults({ services: [{ name: 'x' }] }).length, 1);
  t.is(linuxkitFaults({ files: [{ path: 'run/config/x', mode: '0600' }] }).length, 1);
  t.is(linuxkitFaults({ files: [{ path: 'etc/x', mode: 600 }] }).length, 1);
  t.is(labelFaults({ ...image }).length, 2);
  t.is(labelFaults({ 'binds.add': ['/a:/a'] }).length, 1);
});

test('every command line of dm-linuxkit in the pages and the examples is one that it takes', t => {
  const lines = commandLines('dm-linuxkit');
  t.true(lines.length >= 8, 'the lines were found');
  for (const { where, argv } of lines) t.notThrows(() => parseCommand(argv), where);
});

test('every command line of linuxkit is spelled with two dashes', t => {
  const lines = commandLines('linuxkit');
  t.true(lines.length >= 12, 'the lines were found');
  for (const { where, argv } of lines)
    t.deepEqual(
      argv.filter(word => /^-[a-z]{2,}/.test(word)),
      [],
      where,
    );
});

/** The files that a command of linuxkit or dm-linuxkit makes, or reads secrets from. */
function filesOf(argv: readonly string[]): string[] {
  const after = (flag: string) => argv.flatMap((word, at) => (word === flag ? [argv[at + 1] ?? ''] : []));
  const [verb, backend] = argv;
  const output = argv.flatMap(word => /^--output=(.*)/.exec(word)?.slice(1) ?? []);
  const disks = after('--disk').flatMap(disk => /^file=([^,]+)/.exec(disk)?.slice(1) ?? []);
  const runsFile = verb === 'push' || (verb === 'run' && backend === 'qemu');
  return [
    ...[...output, ...disks, ...after('--dir'), ...after('--data-file')],
    ...(runsFile ? argv.slice(-1) : []),
    ...(verb === 'build' && !argv.includes('--dir') ? ['(no --dir)'] : []),
  ];
}

test('what the pages make lies outside of the repository, whose files LinuxKit hashes and uploads', t => {
  const lines = [...commandLines('linuxkit'), ...commandLines('dm-linuxkit')];
  const files = lines.flatMap(({ where, argv }) => filesOf(argv).map(file => ({ where, file })));
  t.true(files.length >= 30, 'the files were found');
  t.deepEqual(
    files.filter(({ file }) => file !== 'FILE' && !file.startsWith('../machine')),
    [],
  );
});

test('what LinuxKit and "dm-linuxkit metadata" make is not added to git by accident', t => {
  const made = [
    ...['metadata.json', 'dotmesh-kernel', 'dotmesh-initrd.img', 'dotmesh-cmdline', 'dots.qcow2'],
    ...['dotmesh.img.tar.gz', 'dotmesh.raw', 'dotmesh.iso', 'dotmesh-state/disk.img'],
  ];
  const folder = mkdtempSync(join(tmpdir(), 'ignored-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync('.gitignore', join(folder, '.gitignore'));
  const git = (...argv: string[]) => spawnSync('git', argv, { cwd: folder, encoding: 'utf8' });
  t.is(git('init', '--quiet').status, 0);
  t.deepEqual(
    git('check-ignore', ...made)
      .stdout.split('\n')
      .filter(Boolean),
    made,
  );
  t.is(git('check-ignore', 'linuxkit-examples/metadata.json').status, 1);
});

test('the Dockerfile takes what it needs by name, since LinuxKit sends the whole directory', t => {
  const taken = readFileSync('pkg/dm-linuxkit/Dockerfile', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap(line => line.split(/\s+/).slice(1, -1));
  t.true(taken.includes('src') && taken.includes('package.json'));
  const sent = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('!'));
  const inSent = (path: string) =>
    sent.some(line => path === line.slice(1) || path.startsWith(`${line.slice(1)}/`));
  t.deepEqual(
    taken.filter(path => !inSent(path)),
    [],
    'what Docker and what LinuxKit see is the same',
  );
});

interface Part {
  perm?: string;
  content?: unknown;
  entries?: Record<string, Part>;
}

test('the example metadata is what the metadata package takes, and names files that are read', t => {
  const faults = (parts: Record<string, Part>): string[] =>
    Object.entries(parts).flatMap(([name, { perm, content, entries }]) => [
      ...(typeof perm === 'string' && /^0[0-7]{3}$/.test(perm) ? [] : [`${name}: perm`]),
      ...((content === undefined) === (entries === undefined) ? [`${name}: content or entries`] : []),
      ...(content === undefined || typeof content === 'string' ? [] : [`${name}: content`]),
      ...(name.includes('/') ? [`${name}: a slash`] : []),
      ...faults(entries ?? {}),
    ]);
  const metadata = JSON.parse(readExample('metadata.json')) as Record<string, Part>;
  t.deepEqual(faults(metadata), []);
  const { dotmesh, ...others } = metadata;
  t.deepEqual(others, {});
  const secrets = Object.entries(dotmesh?.entries ?? {});
  const known: string[] = Object.values(DEFAULT_FILES);
  t.deepEqual(
    secrets.filter(([name]) => !known.includes(`/run/config/dotmesh/${name}`)),
    [],
  );
  t.true(secrets.length > 0);
  for (const [name, { perm, content }] of secrets) {
    t.is(perm, '0600');
    t.regex(String(content), /^PLACEHOLDER-/);
    t.not(secretFault(String(content)), '', `${name} would be taken as it stands`);
  }
});

interface Container {
  name?: string;
  image: string;
  command?: string[];
  privileged?: boolean;
  securityContext?: { privileged?: boolean };
  user?: string;
  environment?: Record<string, string>;
  volumes?: string[];
  volumeMounts?: { mountPath: string; mountPropagation?: string }[];
  depends_on?: Record<string, { condition: string }>;
}

test('with Compose the application starts after the dot is mounted, and keeps its data on nothing else', t => {
  const { services } = parseExample('compose.yml') as { services: Record<string, Container> };
  const { dot, dotmesh, postgres } = services;
  const { target } = provisioned(dot?.command);
  t.deepEqual(provisioned(dotmesh?.command).target, target);
  t.is(provisioned(dotmesh?.command).mode, 'daemon');
  for (const ours of [dot, dotmesh]) t.true(ours?.volumes?.includes('/srv/dots:/srv/dots:rshared'));
  // Compose makes all containers before it starts the first: a bind of the dot itself would fail there.
  t.deepEqual(postgres?.volumes, ['/srv/dots:/srv/dots:rslave']);
  t.is(postgres?.environment?.['PGDATA'], target?.mountpoint);
  t.regex(postgres?.user ?? '', /^[1-9]\d*:[1-9]\d*$/, 'root could make the directory anew');
  for (const later of [dotmesh, postgres])
    t.is(later?.depends_on?.['dot']?.condition, 'service_completed_successfully');
  t.true(postgres?.privileged === undefined);
});

for (const name of ['pod', 'sidecar']) {
  test(`in ${name}.yml what is mounted by our container is seen by the application`, t => {
    const { spec } = parseExample(`kubernetes/${name}.yml`) as {
      spec: { initContainers: Container[]; containers: Container[] };
    };
    const [ours] = spec.initContainers;
    const { target, mode } = provisioned(ours?.command);
    t.is(mode, name === 'pod' ? 'oneshot' : 'daemon');
    t.true(ours?.securityContext?.privileged);
    const seen = (container: Container | undefined) =>
      container?.volumeMounts?.find(({ mountPath }) => target?.mountpoint.startsWith(`${mountPath}/`))
        ?.mountPropagation;
    t.is(seen(ours), 'Bidirectional');
    for (const application of spec.containers) {
      t.is(seen(application), 'HostToContainer');
      t.is(application.securityContext?.privileged, undefined);
    }
  });
}

test('where linuxkit, Docker and QEMU are missing, "make linuxkit" says so in a sentence each', t => {
  const run = spawnSync(process.execPath, ['scripts/linuxkit.mjs'], {
    env: { PATH: '/nonexistent' },
    encoding: 'utf8',
    timeout: 120_000,
  });
  t.is(run.status, 1, run.stderr);
  const sentences = run.stderr.trim().split('\n');
  for (const what of [/^linuxkit is/, /^docker is/, /^qemu-system-\w+ is/, /^qemu-img is/])
    t.is(sentences.filter(sentence => what.test(sentence)).length, 1, run.stderr);
  t.is(sentences.length, 4, run.stderr);
});

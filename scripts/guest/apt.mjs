// An apt of our own: the machine's configured Debian mirror, plus `contrib` where OpenZFS lives. The machine's own
// sources and lists are only read, never changed.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, output } from '../lib/run.mjs';

export function privateApt(folder) {
  const sources = debianSources();
  if (sources.length === 0)
    throw new Failure(
      'The guest is made from Debian packages, and this machine has no Debian mirror under /etc/apt.',
    );
  for (const each of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `${sources.join('\n')}\n`);
  const options = [
    `Dir::Etc::SourceList=${folder}/sources.list`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'APT::Sandbox::User=root',
  ].flatMap(option => ['-o', option]);
  return {
    update: () => output(['apt-get', ...options, '-qq', 'update']),
    download: (names, cwd) => output(['apt-get', ...options, '-qq', 'download', ...names], { cwd }),
    versions: name =>
      output(['apt-cache', ...options, 'madison', name])
        .split('\n')
        .filter(Boolean)
        .map(line => line.split('|')[1].trim()),
  };
}

/** One-line entries for every Debian `main` that the machine is configured with (both of apt's formats). */
export function debianSources() {
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const parts = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(parts) ? readdirSync(parts).map(name => join(parts, name)) : []),
  ];
  return files
    .filter(existsSync)
    .flatMap(file => {
      const text = readFileSync(file, 'utf8').replace(/^\s*#.*\n?/gm, '');
      return file.endsWith('.sources') ? fromStanzas(text) : file.endsWith('.list') ? fromLines(text) : [];
    })
    .filter(({ suite, components }) => suite.startsWith(codename ?? '?') && components.includes('main'))
    .map(({ options, uri, suite }) => `deb ${options}${uri} ${suite} main contrib`);
}

function fromLines(text) {
  const line = /^deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/gm;
  return [...text.matchAll(line)].map(([, options = '', uri, suite, rest]) => ({
    options,
    uri,
    suite,
    components: rest.split(/\s+/),
  }));
}

function fromStanzas(text) {
  return text.split(/\n\s*\n/).flatMap(stanza => {
    const words = key => new RegExp(`^${key}:(.*)$`, 'mi').exec(stanza)?.[1].trim().split(/\s+/) ?? [];
    const key = words('Signed-By')[0];
    const options = key?.startsWith('/') ? `[signed-by=${key}] ` : '';
    return words('Types').includes('deb')
      ? words('URIs').flatMap(uri =>
          words('Suites').map(suite => ({ options, uri, suite, components: words('Components') })),
        )
      : [];
  });
}

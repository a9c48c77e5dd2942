import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize, relative } from 'node:path';
import test from 'ava';

const root = process.cwd();
const src = join(root, 'src');

/** Architecture §3: what a room may import besides itself; `types` only with `import type`. */
const ROOMS: Record<string, { values: string[]; types?: string[] }> = {
  bin: {
    values: [
      'cli',
      'provision',
      'server',
      'docker',
      'dots',
      'zfs',
      'etcd',
      'remote',
      'system',
      'wire',
      'model',
      'lib',
    ],
  },
  cli: { values: ['remote', 'wire', 'model', 'lib', 'system/files.ts'] },
  provision: { values: ['system', 'wire', 'model', 'lib'], types: ['zfs', 'etcd', 'remote'] },
  server: { values: ['dots', 'wire', 'model', 'lib'] },
  docker: { values: ['dots', 'wire', 'model', 'lib'] },
  dots: { values: ['model', 'lib', 'wire'], types: ['zfs', 'etcd', 'remote', 'system'] },
  zfs: { values: ['system', 'model', 'lib'] },
  etcd: { values: ['wire', 'model', 'lib'] },
  remote: { values: ['wire', 'model', 'lib'] },
  system: { values: ['lib'] },
  wire: { values: ['model', 'lib/errors.ts'] },
  model: { values: ['lib/errors.ts'] },
  lib: { values: [] },
};

/** The only files that may know a package. */
const KEEPERS: Record<string, string[]> = {
  execa: ['system/run.ts', 'system/service.ts'],
  minimist: ['lib/flags.ts'],
  'node-fetch': ['etcd/gateway.ts', 'remote/http.ts'],
  pino: ['lib/log.ts'],
  'prom-client': ['server/metrics.ts'],
  tar: ['system/archive.ts'],
};

interface Import {
  from: string;
  target: string;
  typeOnly: boolean;
}

function filesBelow(folder: string, skip: ReadonlySet<string> = new Set()): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (skip.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path, skip);
    return entry.isFile() ? [path] : [];
  });
}

/** `import … from '…'`, `export … from '…'`, `import '…'` and `import('…')` of one file. */
function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  const parts = [
    /^\s*(?:import|export)\b(\s+type\b)?[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]/,
    /^\s*import\s+['"]([^'"]+)['"]/,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/,
  ];
  const statements = new RegExp(parts.map(({ source }) => source).join('|'), 'gm');
  return [...text.matchAll(statements)].map(([, type, named, bare, dynamic]) => ({
    from: relative(src, path),
    target: named ?? bare ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }));
}

const imports = filesBelow(src)
  .filter(path => path.endsWith('.ts'))
  .flatMap(importsOf);

const roomOf = (path: string) => path.split('/')[0] ?? '';
const show = ({ from, target, typeOnly }: Import) =>
  `${from} imports ${typeOnly ? 'types of ' : ''}${target}`;

test('stairs only lead down: each room imports only what the architecture allows it', t => {
  const forbidden = imports
    .filter(({ target }) => target.startsWith('.'))
    .filter(({ from, target, typeOnly }) => {
      const to = normalize(join(from, '..', target));
      const [here, there] = [roomOf(from), roomOf(to)];
      const allowed = ROOMS[here];
      if (!allowed) return true;
      const fits = (rooms: string[] = []) => rooms.includes(there) || rooms.includes(to);
      return here !== there && !fits(allowed.values) && !(typeOnly && fits(allowed.types));
    });
  t.deepEqual(forbidden.map(show), []);
  t.true(imports.length > 20, 'the imports were found');
});

test('each npm package is known to its keeper file only', t => {
  const forbidden = imports
    .filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'))
    .filter(({ from, target }) => !KEEPERS[target]?.includes(from));
  t.deepEqual(forbidden.map(show), []);
});

test('no file knows a path of the machine it was written on', t => {
  // In pieces, so that this file does not match itself.
  const machine = new RegExp(['/wo', 'rk/(ma', 'in|sha', 'red)\\b'].join(''));
  const skip = new Set(['node_modules', 'dist', 'build', '.git']);
  const guilty = filesBelow(root, skip).filter(
    path => !path.endsWith('.log') && machine.test(readFileSync(path, 'utf8')),
  );
  t.deepEqual(
    guilty.map(path => relative(root, path)),
    [],
  );
});

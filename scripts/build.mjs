// Bundles the programs into dist/, one file each that needs nothing but Node, and compiles the tests into build/.
// Usage: node scripts/build.mjs [programs] [tests]      both when none is named
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDir, distDir, root } from './lib/paths.mjs';
import { Failure, main, say } from './lib/run.mjs';
import { setup } from './setup.mjs';

const programs = ['dm', 'dotmesh-server', 'dm-linuxkit'];
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Old syntax on purpose: this line is what an old Node reads, and says why it goes no further. */
const banner = `#!/usr/bin/env node
if (parseInt(process.versions.node, 10) < 22) { console.error("This program needs Node 22 or newer, and this is Node " + process.versions.node + "."); process.exit(1); }`;

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  define: { __VERSION__: JSON.stringify(version) },
  logLevel: 'silent', // failures are formatted below; esbuild's own summary would only be noise
  write: false,
};

/** Imported late: this file is loaded before `npm ci` has run. */
async function esbuild(options) {
  const { build, formatMessages } = await import('esbuild');
  const result = await build({ ...common, ...options }).catch(error => error);
  const show = async (messages, kind) =>
    (await formatMessages(messages ?? [], { kind, color: process.stderr.isTTY })).join('');
  if (result.warnings?.length) say(await show(result.warnings, 'warning'));
  if (result.errors?.length) throw new Failure(await show(result.errors, 'error'));
  if (result instanceof Error) throw result;
  return result;
}

/** Beside, then renamed: whoever starts a program meanwhile gets the old one or the new one, never half of it. */
function place(path, contents, mode) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, contents);
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

export async function buildPrograms() {
  const entries = programs.map(name => `src/bin/${name}.ts`);
  const missing = entries.filter(path => !existsSync(join(root, path)));
  if (missing.length) throw new Failure(`build: there is no ${missing.join(', no ')}`);
  const { outputFiles } = await esbuild({
    entryPoints: entries,
    outdir: distDir,
    // CommonJS without splitting keeps a dynamic import() lazy inside the one file: `dm version` loads no HTTP client.
    format: 'cjs',
    target: 'node22',
    // A regular expression with the v flag is a syntax error to Node 18, which shall get as far as the banner.
    supported: { 'regexp-set-notation': false },
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: true,
    legalComments: 'none',
    banner: { js: banner },
    // 118 KiB that node-fetch's blobs load only where Node has no web streams; parsing them costs `dm` its quick start.
    alias: { 'web-streams-polyfill/dist/ponyfill.es2018.js': join(root, 'scripts/lib/absent.cjs') },
    logOverride: { 'empty-import-meta': 'error' }, // import.meta.url would be undefined at run time
  });
  for (const { path, contents } of outputFiles) place(path.replace(/\.js$/, ''), contents, 0o755);
  // The repository's package.json says "module"; the programs are CommonJS and have no file name extension.
  place(join(distDir, 'package.json'), '{"type":"commonjs"}\n', 0o644);
}

const filesBelow = folder =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter(each => each.isFile())
        .map(each => join(each.parentPath, each.name))
    : [];

/** Compiles what compiles, and returns the rest: one file that is half written must not hide all the others. */
export async function buildTests() {
  const all = filesBelow(join(root, 'test')).filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'));
  if (all.length === 0) throw new Failure('build: there is no test/**/*.ts');
  const options = {
    outbase: root,
    outdir: buildDir,
    format: 'esm',
    target: 'node24',
    packages: 'external',
    splitting: true, // one copy of each module of ours: a class must be the same class in two test files
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: true,
  };
  const broken = [];
  const compile = entryPoints => esbuild({ ...options, entryPoints });
  const { outputFiles } = await compile(all).catch(async () => {
    for (const path of all) {
      await compile([path]).catch(({ message }) => broken.push({ path: relative(root, path), message }));
    }
    return compile(all.filter(path => !broken.some(each => path === join(root, each.path))));
  });
  for (const { path, contents } of outputFiles) place(path, contents, 0o644);
  // What an earlier run left would go on being tested.
  const current = new Set(outputFiles.map(({ path }) => path));
  for (const path of filesBelow(buildDir)) if (!current.has(path)) rmSync(path, { force: true });
  return broken;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const names = process.argv.slice(2);
    setup('build');
    const jobs = { programs: buildPrograms, tests: buildTests };
    for (const name of names.length ? names : Object.keys(jobs)) {
      if (!jobs[name]) throw new Failure(`build: "${name}" is neither "programs" nor "tests"`);
      const broken = (await jobs[name]()) ?? [];
      if (broken.length) throw new Failure([...new Set(broken.map(({ message }) => message))].join(''));
      say(`build: ${name} → ${relative(root, name === 'tests' ? buildDir : distDir)}/`);
    }
  });
}

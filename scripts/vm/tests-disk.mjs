// A disk with the compiled tests and what of node_modules they take, for a machine that runs tests of another tier.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildDir, root } from '../lib/paths.mjs';
import { makeExt4 } from './ext4.mjs';

/** Compilers, formatter and Node: most of what there is, and nothing that a test takes. The image brings its Node. */
const LEFT_OUT = [
  '.bin',
  '.cache',
  '@biomejs',
  '@esbuild',
  '@types',
  '@typescript',
  'esbuild',
  'node',
  'typescript',
];
const SIZE = '256M'; // a sparse file

/** Makes the image file at `path`: a filesystem with package.json, build/ and node_modules/ at its top. */
export function makeTestsDisk(path) {
  const tree = mkdtempSync(join(dirname(path), 'tree-'));
  try {
    cpSync(join(root, 'package.json'), join(tree, 'package.json'));
    cpSync(buildDir, join(tree, 'build'), { recursive: true });
    const modules = join(root, 'node_modules');
    mkdirSync(join(tree, 'node_modules'));
    for (const name of readdirSync(modules).filter(each => !LEFT_OUT.includes(each)))
      cpSync(join(modules, name), join(tree, 'node_modules', name), {
        recursive: true,
        verbatimSymlinks: true,
      });
    makeExt4(tree, path, SIZE);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

// The image `modules`: the part of this clone's node_modules that bundling takes, so that a build needs no
// npm and no network, and no setting or key of npm gets near Docker.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/paths.mjs';
import { hasImage, importTar, nameFor } from './imports.mjs';

/** What the programs need at run time, and the bundler. */
function folders(lock) {
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path && (!dev || /^node_modules\/(esbuild|@esbuild\/.*)$/.test(path)))
    .map(([path]) => path)
    .filter(path => !path.includes('/node_modules/')) // those inside another come with it
    .filter(path => existsSync(join(root, path))); // esbuild's for other systems are not there
}

export async function ensureModules(docker) {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const name = nameFor('dm-linuxkit-modules', [text, process.arch]);
  if (!hasImage(docker, name)) {
    const what = ['-C', root, '--transform', 's,^,src/,S', ...folders(JSON.parse(text))];
    await importTar(docker, name, what);
  }
  return name;
}

// Set-up for one purpose: npm packages and Debian packages, only those missing, said before they are installed.
// Usage: node scripts/setup.mjs build|demo|test|bench|guest|vm|image|image-debian
// Runs before `npm ci`, on whatever Node (>= 20) the machine has: no npm package may be imported here.
import { existsSync, lstatSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, knownPurposes, missingPackages } from './lib/packages.mjs';
import { nodeBin, root } from './lib/paths.mjs';
import { Failure, main, say, status } from './lib/run.mjs';

/** npm writes node_modules/.package-lock.json last: it tells when the last complete `npm ci` was. */
function npmIsCurrent(modules) {
  const mark = join(modules, '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  return existsSync(mark) && existsSync(nodeBin) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs;
}

export function setupNpm() {
  const modules = join(root, 'node_modules');
  if (npmIsCurrent(modules)) return;
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new Failure(
      'node_modules is a symbolic link and out of date: `npm ci` would empty the folder it points to, so please update that one yourself.',
    );
  }
  say('setup: installing npm packages (npm ci)');
  if (
    status(['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 2, 2],
    }) !== 0
  ) {
    throw new Failure('npm ci failed');
  }
  // npm keeps the mark's old time when nothing changed: then this would run again and again.
  utimesSync(join(modules, '.package-lock.json'), new Date(), new Date());
}

export function setup(purpose) {
  if (!knownPurposes.includes(purpose))
    throw new Failure(`setup: "${purpose}" is none of ${knownPurposes.join(', ')}`);
  setupNpm();
  installPackages(missingPackages(purpose));
}

if (process.argv[1] === import.meta.filename || process.argv[1]?.endsWith('scripts/setup.mjs')) {
  await main(() => setup(process.argv[2] ?? 'build'));
}

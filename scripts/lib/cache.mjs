// What is kept in the cache folder beside what is used now.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from './paths.mjs';

/** Another clone of the repository, at another commit, may be about to read it. */
const KEPT_MS = 24 * 60 * 60_000;

/** Milliseconds since a file was made; of one that another run has just removed, none. */
const age = path => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());

/** Removes the files of that kind, but for `current` and what is younger than a day. */
export function dropOld(pattern, current) {
  const old = readdirSync(cacheDir)
    .filter(name => pattern.test(name))
    .map(name => join(cacheDir, name))
    .filter(path => path !== current && age(path) > KEPT_MS);
  for (const path of old) rmSync(path, { force: true });
}

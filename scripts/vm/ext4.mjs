// A folder as a disk's image: mke2fs(8) writes it, nothing is mounted.
import { output } from '../lib/run.mjs';

/** For tar and mke2fs, which take seconds. */
export const FILES_MS = 10 * 60_000;
const HOW = ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'root_owner=0:0', '-m', '0'];

/** Makes `path`, a sparse file of that size (`256M`), with what is in `tree` at its top. */
export function makeExt4(tree, path, size) {
  output(['mke2fs', ...HOW, '-d', tree, path, size], { timeout: FILES_MS });
}

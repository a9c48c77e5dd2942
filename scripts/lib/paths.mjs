// Where things are. Everything is derived from this file's own place, so a clone works wherever it stands.
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const nodeBin = join(root, 'node_modules/.bin/node'); // Node 24, whatever the system has
export const distDir = join(root, 'dist');
export const buildDir = join(root, 'build');

/** Things that take minutes to make and survive `make clean`. CACHE_DIR moves them (CI keeps it between runs). */
export const cacheDir = process.env.CACHE_DIR || join(homedir(), '.cache/dm-linuxkit');

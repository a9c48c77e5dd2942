// The label that LinuxKit makes of build.yml's `config`, for builds without LinuxKit.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/paths.mjs';

export const LABEL = 'org.mobyproject.config';

/** Its value: JSON with the keys of `config`. Imported late: this file is loaded before `npm ci` has run. */
export async function labelFromBuildYml() {
  const { parse } = await import('yaml');
  return JSON.stringify(parse(readFileSync(join(root, 'build.yml'), 'utf8')).config);
}

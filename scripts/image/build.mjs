// Builds the image in a Docker, as LinuxKit would: the same Dockerfile, the same context, the label from
// build.yml.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../lib/paths.mjs';
import { Failure } from '../lib/run.mjs';
import { ensureDebianBase } from './debian-base.mjs';
import { LABEL, labelFromBuildYml } from './label.mjs';
import { ensureModules } from './modules.mjs';

/** Packages from a slow mirror, on a loaded machine. */
const BUILD_MS = 30 * 60_000;

export const distros = ['alpine', 'debian'];

/**
 * What the two differ in. Alpine comes from the registry and from npm's, with the settings that npm has
 * here, as a secret; Debian from this machine's mirror and node_modules, and its build has no network at
 * all.
 */
async function differences(docker, distro) {
  if (distro === 'debian') {
    const [base, modules] = [await ensureDebianBase(docker), await ensureModules(docker)];
    return [...['--network=none', '--build-arg', `BASE=${base}`], '--build-arg', `MODULES=${modules}`];
  }
  const settings = process.env.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc');
  const secret = existsSync(settings) ? ['--secret', `id=npmrc,src=${settings}`] : [];
  return docker.own ? ['--network=host', ...secret] : secret;
}

/** Resolves to { id, tag }. What the build prints goes to stderr; with `quiet` its end does, if it fails. */
export async function buildImage(docker, { distro, quiet = false }) {
  if (!distros.includes(distro)) throw new Failure(`image: "${distro}" is none of ${distros.join(', ')}`);
  const tag = `dm-linuxkit:${distro}`;
  const folder = mkdtempSync(join(tmpdir(), 'dm-image-'));
  try {
    const idFile = join(folder, 'id');
    const argv = [
      ...['build', '--progress=plain', '--file', join(root, 'pkg/dm-linuxkit/Dockerfile')],
      ...['--build-arg', `DISTRO=${distro}`, ...(await differences(docker, distro))],
      ...['--label', `${LABEL}=${await labelFromBuildYml()}`, '--tag', tag, '--iidfile', idFile, root],
    ];
    if (quiet) docker.output(argv, { timeout: BUILD_MS });
    else if (docker.status(argv, { stdio: ['ignore', 2, 2], timeout: BUILD_MS }) !== 0)
      throw new Failure(`The image (${distro}) could not be built; the reason stands above.`);
    return { id: readFileSync(idFile, 'utf8').trim(), tag };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    // Only in a Docker of ours: what earlier builds left would fill the cache folder for ever.
    if (docker.own) {
      docker.status(['image', 'prune', '--force'], { stdio: 'ignore' });
      docker.status(['builder', 'prune', '--force', '--keep-storage', '2GB'], { stdio: 'ignore' });
    }
  }
}

// All that a machine is booted from, made where it is missing: kit, our image (Debian's), its disk and configuration.
import { writeFileSync } from 'node:fs';
import { buildImage } from '../image/build.mjs';
import { startDocker } from '../image/docker.mjs';
import { ensureRootfs } from '../image/rootfs.mjs';
import { ensureKit } from './build.mjs';
import { ensureRootDisk } from './root.mjs';

async function prepareWith(docker, kit) {
  const built = await buildImage(docker, { distro: 'debian', quiet: true });
  const rootfs = await ensureRootfs(docker, built);
  const disk = ensureRootDisk(kit, rootfs);
  const image = JSON.parse(docker.output(['image', 'inspect', '--format', '{{json .Config}}', built.id]));
  return { kit, disk, rootfs, image };
}

/** Resolves to { kit, disk, rootfs, image }; `rootfs` is the .tar.gz of ../image/rootfs.mjs, `image` as `docker inspect` has its configuration. */
export async function prepareMachine() {
  const kit = ensureKit();
  const docker = await startDocker({ network: 'none' });
  try {
    return await prepareWith(docker, kit);
  } finally {
    await docker.stop();
  }
}

/** Writes it for the tests (test/helpers/vm.ts), which find the file in DM_VM. */
export async function writePrepared(path) {
  const prepared = await prepareMachine();
  writeFileSync(path, JSON.stringify(prepared));
  return prepared;
}

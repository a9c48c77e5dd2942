// All that a machine is booted from, made where it is missing: kit, our image (Debian's), its disk and configuration.
import { buildImage } from '../image/build.mjs';
import { ensureRootfs } from '../image/rootfs.mjs';
import { ensureKit } from './build.mjs';
import { ensureRootDisk } from './root.mjs';

/** Resolves to { kit, disk, image }; `image` as `docker inspect` has its configuration. */
export async function prepareMachine(docker) {
  const kit = ensureKit();
  const built = await buildImage(docker, { distro: 'debian', quiet: true });
  const disk = ensureRootDisk(kit, await ensureRootfs(docker, built));
  const image = JSON.parse(docker.output(['image', 'inspect', '--format', '{{json .Config}}', built.id]));
  return { kit, disk, image };
}

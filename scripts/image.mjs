// Builds the image and says how large it is. It stays in the Docker that answers, or in the cache folder's.
// Usage: node scripts/image.mjs [--distro=alpine|debian]
import { parseArgs } from 'node:util';
import { buildImage } from './image/build.mjs';
import { startDocker } from './image/docker.mjs';
import { ensureRootfs, sizesText } from './image/rootfs.mjs';
import { main } from './lib/run.mjs';

// Ctrl-C reaches the build too, which ends of it: then our dockerd is stopped in order, instead of left to
// the kernel.
process.on('SIGINT', () => {});

await main(async () => {
  const { values } = parseArgs({ options: { distro: { type: 'string', default: 'alpine' } } });
  const { distro } = values;
  const docker = await startDocker({ network: distro === 'debian' ? 'none' : 'host' });
  try {
    const built = await buildImage(docker, { distro });
    const rootfs = await ensureRootfs(docker, built);
    process.stdout.write(`${built.tag} ${built.id}\n${rootfs}\n`);
    process.stdout.write(`size (${distro}): ${sizesText(rootfs)}\n`);
  } finally {
    await docker.stop();
  }
});

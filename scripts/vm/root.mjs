// The disk that a machine boots from: what the kit brings (build.mjs), and the files of our image below /image. It is
// only read, so that any number of machines have it at once.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { dropOld } from '../lib/cache.mjs';
import { cacheDir } from '../lib/paths.mjs';
import { output } from '../lib/run.mjs';
import { FILES_MS, makeExt4 } from './ext4.mjs';

const SIZE = '640M'; // a sparse file: what is not used takes no room
const pattern = /^vm-root-[0-9a-f]{12}\.ext4$/;

/** The path of the image file, made where it is missing. `rootfs` is the .tar.gz of ../image/rootfs.mjs. */
export function ensureRootDisk(kit, rootfs) {
  const hash = createHash('sha256').update(`${basename(kit)} ${basename(rootfs)}\n`);
  for (const script of ['root.mjs', 'ext4.mjs']) hash.update(readFileSync(new URL(script, import.meta.url)));
  const path = join(cacheDir, `vm-root-${hash.digest('hex').slice(0, 12)}.ext4`);
  if (existsSync(path)) return path;
  const work = mkdtempSync(join(cacheDir, '.vm-root-'));
  try {
    const tree = join(work, 'tree');
    cpSync(join(kit, 'root'), tree, { recursive: true, verbatimSymlinks: true });
    mkdirSync(join(tree, 'image'), { recursive: true });
    output(['tar', '--numeric-owner', '--exclude=.dockerenv', '-xzpf', rootfs, '-C', join(tree, 'image')], {
      timeout: FILES_MS,
    });
    makeExt4(tree, join(work, 'disk'), SIZE);
    renameSync(join(work, 'disk'), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  dropOld(pattern, path);
  return path;
}

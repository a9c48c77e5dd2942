// The root filesystem of an image as one file, kept in the cache folder: what its size is told from, and
// what a virtual machine gets unpacked.
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { dropOld } from '../lib/cache.mjs';
import { cacheDir } from '../lib/paths.mjs';
import { Failure, output } from '../lib/run.mjs';

const EXPORT_MS = 10 * 60_000;
const pathFor = id => join(cacheDir, `rootfs-${id.replace(/^sha256:/, '').slice(0, 16)}.tar.gz`);

/** Resolves to the path of a .tar.gz of the image's files, made when missing. */
export async function ensureRootfs(docker, { id }) {
  const path = pathFor(id);
  if (existsSync(path)) return path;
  mkdirSync(cacheDir, { recursive: true });
  const container = docker.output(['create', '--network=none', id]).trim();
  const beside = `${path}.${process.pid}`;
  try {
    const child = docker.spawn(['export', container], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: EXPORT_MS,
    });
    const ended = once(child, 'exit');
    await pipeline(child.stdout, createGzip({ level: 6 }), createWriteStream(beside));
    const [status] = await ended;
    if (status !== 0) throw new Failure(`docker export ended with ${status}.`);
    renameSync(beside, path);
  } finally {
    rmSync(beside, { force: true });
    docker.output(['rm', container]);
  }
  dropOld(/^rootfs-[0-9a-f]{16}\.tar\.gz$/, path);
  return path;
}

/** Its files, [{ mode, path, bytes }], from tar(1). What the engine adds (/.dockerenv) is left out. */
export function listRootfs(path) {
  return output(['tar', '--numeric-owner', '-tvzf', path])
    .split('\n')
    .filter(Boolean)
    .map(line => /^(\S+)\s+\S+\s+(\d+)\s+\S+\s+\S+\s+(.*?)(?: (?:->|link to) .*)?$/.exec(line))
    .filter(match => match && match[3] !== '.dockerenv')
    .map(([, mode, bytes, name]) => ({ mode, bytes: Number(bytes), path: `/${name}` }));
}

const MiB = bytes => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** What it takes in the memory of a machine that boots it, and on the way there. */
export function sizesText(path) {
  const unpacked = listRootfs(path).reduce((sum, { bytes }) => sum + bytes, 0);
  return `${MiB(unpacked)} unpacked, ${MiB(statSync(path).size)} compressed`;
}

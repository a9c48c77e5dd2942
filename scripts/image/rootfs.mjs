// The root filesystem of an image as one file, kept in the cache folder: what its size is told from, and
// what a virtual machine gets unpacked.
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { cacheDir } from '../lib/paths.mjs';
import { Failure, output } from '../lib/run.mjs';

const KEPT = 2;
const pathFor = id => join(cacheDir, `rootfs-${id.replace(/^sha256:/, '').slice(0, 16)}.tar.gz`);

/** Resolves to the path of a .tar.gz of the image's files, made when missing. The newest two are kept. */
export async function ensureRootfs(docker, { id }) {
  const path = pathFor(id);
  if (existsSync(path)) return path;
  mkdirSync(cacheDir, { recursive: true });
  const container = docker.output(['create', '--network=none', id]).trim();
  const beside = `${path}.${process.pid}`;
  try {
    const child = docker.spawn(['export', container], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await pipeline(child.stdout, createGzip({ level: 6 }), createWriteStream(beside));
    const [status] = await ended;
    if (status !== 0) throw new Failure(`docker export ended with ${status}.`);
    renameSync(beside, path);
  } finally {
    rmSync(beside, { force: true });
    docker.output(['rm', container]);
  }
  dropOld(path);
  return path;
}

function dropOld(current) {
  const others = readdirSync(cacheDir)
    .filter(name => /^rootfs-[0-9a-f]{16}\.tar\.gz$/.test(name))
    .map(name => join(cacheDir, name))
    .filter(path => path !== current)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const path of others.slice(KEPT - 1)) rmSync(path, { force: true });
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

/** In bytes: what it takes in the memory of a machine that boots it, and on the way there. */
export function sizes(path) {
  const unpacked = listRootfs(path).reduce((sum, { bytes }) => sum + bytes, 0);
  return { unpacked, compressed: statSync(path).size };
}

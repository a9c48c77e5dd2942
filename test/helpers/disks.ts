/** Disks for tests: loop devices over sparse files, with the kernel looking for partitions on them. */

import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program to its end and resolves to what it printed. */
export async function sh(file: string, ...args: string[]): Promise<string> {
  return (await execute(file, args, { timeout: 120_000 })).stdout.trim();
}

/** Of a guest's own: a machine that has others must not come here. */
export async function destroyAllPools(): Promise<void> {
  for (const pool of (await sh('zpool', 'list', '-H', '-o', 'name')).split('\n').filter(Boolean))
    await sh('zpool', 'destroy', '-f', pool);
}

export interface Disks {
  /** Path of a new sparse file, which is there unless `sizeMiB` is 0. */
  file(sizeMiB?: number): Promise<string>;
  /** A loop device over a new file (or `image`): `/dev/loop3`. */
  disk(options?: { image?: string; sizeMiB?: number; readOnly?: boolean }): Promise<string>;
  release(device: string): Promise<void>;
  /** Releases all devices and removes all files. */
  clear(): Promise<void>;
}

export async function makeDisks(): Promise<Disks> {
  const folder = await mkdtemp(join(tmpdir(), 'disks-'));
  const devices = new Set<string>();
  let count = 0;
  const file = async (sizeMiB = 512) => {
    const path = join(folder, `disk${++count}`);
    if (sizeMiB === 0) return path;
    await writeFile(path, '');
    await truncate(path, sizeMiB * 2 ** 20);
    return path;
  };
  const release = async (device: string) => {
    devices.delete(device);
    await sh('losetup', '--detach', device);
  };
  return {
    file,
    release,
    async disk({ image, sizeMiB, readOnly } = {}) {
      const how = ['--find', '--show', '--partscan', ...(readOnly ? ['--read-only'] : [])];
      const device = await sh('losetup', ...how, image ?? (await file(sizeMiB)));
      devices.add(device);
      return device;
    },
    async clear() {
      for (const device of devices) await release(device);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Overwrites bytes of a file or device and flushes them. */
export async function poke(path: string, bytes: Buffer, position: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, position);
    await file.sync();
  } finally {
    await file.close();
  }
}

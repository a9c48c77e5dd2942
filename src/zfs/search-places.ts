/** Where `zpool import` looks: `-d` takes directories and devices in OpenZFS, only directories in zfs-fuse. */

import { createHash } from 'node:crypto';
import { realpath, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errno } from '../lib/errors.ts';
import { makePrivateDirectory } from '../system/files.ts';
import type { Capabilities, Importable } from './index.ts';

export interface SearchPlaces {
  /** `-d` for each place. */
  flags: string[];
  /** Leaves out pools that lie in a searched directory, but not on a device that was asked for. */
  only(found: Importable[]): Importable[];
}

/** Links to single devices, for zfs-fuse: it would open all of /dev otherwise. On tmpfs, as the links are. */
const LINKS = '/run/dotmesh/devices';

/** `from` are directories, devices or files. A place that is not there is left out by ZFS itself. */
export async function searchPlaces(
  from: readonly string[],
  { userSpace }: Capabilities,
): Promise<SearchPlaces> {
  const wanted = from.map(path => resolve(path));
  const flagsFor = (places: readonly string[]) => [...new Set(places)].flatMap(place => ['-d', place]);
  if (!userSpace) return { flags: flagsFor(wanted), only: found => found };
  const places = await Promise.all(wanted.map(async path => ({ path, ...(await placeOf(path)) })));
  const known = new Set(places.flatMap(({ path, shown }) => [path, shown]));
  const directories = places.filter(place => place.isDirectory).map(place => place.path);
  const isWanted = (device: string) =>
    known.has(device) || directories.some(directory => device.startsWith(`${directory}/`));
  return {
    flags: flagsFor(places.map(place => place.directory)),
    only: found => found.filter(pool => pool.devices.some(device => isWanted(device.path))),
  };
}

interface Place {
  directory: string;
  isDirectory: boolean;
  /** The path by which ZFS will show the device. */
  shown: string;
}

async function placeOf(path: string): Promise<Place> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return { directory: path, isDirectory: true, shown: path };
  if (!found?.isBlockDevice()) return { directory: dirname(path), isDirectory: false, shown: path };
  const directory = join(LINKS, createHash('sha256').update(path).digest('hex').slice(0, 16));
  await makePrivateDirectory(directory);
  const link = join(directory, basename(path));
  try {
    await symlink(await realpath(path), link);
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error;
  }
  return { directory, isDirectory: false, shown: link };
}

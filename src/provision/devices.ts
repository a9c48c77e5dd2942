/** From the words behind --storage-device to the devices that are meant. Looks, changes nothing. */

import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { DmError, errno } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { type BlockFacts, blockFacts, deviceNumber, listDisks, nvmeNamespaces } from './block.ts';
import { deviceMissing } from './device-errors.ts';

export type NamedDevice = {
  /** As the user wrote it. */
  named: string;
  /** Absolute, links followed. */
  path: string;
} & (
  | { kind: 'block' /** `block:8:1` */; identity: string; facts: BlockFacts }
  /** `sizeBytes` 0: an empty file is like one that is not there, since a power cut leaves such. */
  | { kind: 'file' /** `file:DEV:INODE` */; identity: string; sizeBytes: number }
  | { kind: 'new file'; identity: string }
);

export interface ExpandOptions {
  /** A disk may come up later than we do: milliseconds to wait for one that is not there. */
  waitMs: number;
  signal?: AbortSignal | undefined;
  tell?: ((line: string) => void) | undefined;
}

/**
 * @throws DmError usage/NO_DEVICE; device/DEVICE_MISSING, DEVICE_IS_DIRECTORY, DEVICE_NOT_USABLE, DIRECTORY_MISSING,
 *   NVME_WITHOUT_NAMESPACE, NVME_SEVERAL_NAMESPACES, DEVICE_NAMED_TWICE
 */
export async function expandDevices(
  names: readonly string[],
  options: ExpandOptions,
): Promise<NamedDevice[]> {
  if (names.length === 0) throw new DmError('usage', 'NO_DEVICE', '--storage-device names no device.');
  const devices: NamedDevice[] = [];
  for (const named of names) {
    const device = await expand(named, options);
    const twin = devices.find(other => other.identity === device.identity);
    if (twin) throw namedTwice(twin.named, named);
    devices.push(device);
  }
  return devices;
}

/** What identifies the device or file at `path` (`block:8:1`, `file:DEV:INODE`), or undefined when there is none. */
export async function identityOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found) return undefined;
  return found.isBlockDevice() ? `block:${deviceNumber(found.rdev)}` : `file:${found.dev}:${found.ino}`;
}

/** The block device at `path`; undefined when there is none, or a file. */
export async function blockFactsAt(path: string): Promise<BlockFacts | undefined> {
  const identity = await identityOf(path);
  return identity?.startsWith('block:') ? blockFacts(identity.slice('block:'.length)) : undefined;
}

async function expand(named: string, options: ExpandOptions): Promise<NamedDevice> {
  const wanted = resolve(named);
  const inDev = wanted.startsWith('/dev/');
  const found = await statIfThere(named, wanted);
  if (/^\/dev\/nvme\d+$/.test(wanted) && !found?.isBlockDevice()) return onlyNamespace(named, options);
  if (!found && !inDev) return newFile(named, wanted);
  if (!found) {
    options.tell?.(`Waiting for ${named}, which is not there yet.`);
    const came = await until(() => identityOf(wanted), { deadlineMs: options.waitMs, ...signalOf(options) });
    if (came === undefined) throw deviceMissing(named, await listDisks());
    return expand(named, { ...options, waitMs: 0 });
  }
  const path = await realpath(wanted);
  if (found.isBlockDevice()) return blockDevice(named, path, deviceNumber(found.rdev));
  if (found.isFile() && !inDev) {
    return {
      named,
      path,
      kind: 'file',
      identity: `file:${found.dev}:${found.ino}`,
      sizeBytes: Number(found.size),
    };
  }
  if (found.isDirectory())
    throw new DmError('device', 'DEVICE_IS_DIRECTORY', `${named} is a directory, not a device.`, {
      hint: 'Name a block device, or a file for trying out.',
    });
  throw new DmError('device', 'DEVICE_NOT_USABLE', `${named} is neither a block device nor a file.`);
}

function signalOf({ signal }: ExpandOptions): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

async function statIfThere(named: string, path: string) {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DmError('device', 'DEVICE_NOT_USABLE', `${named} can not be looked at: ${reason}`, {
      cause: error,
    });
  }
}

async function blockDevice(named: string, path: string, number: string): Promise<NamedDevice> {
  const facts = await blockFacts(number);
  if (!facts) throw deviceMissing(named, await listDisks());
  return { named, path, kind: 'block', identity: `block:${number}`, facts };
}

/** `/dev/nvme0` is the controller, a character device; its disk is `/dev/nvme0n1`. */
async function onlyNamespace(named: string, options: ExpandOptions): Promise<NamedDevice> {
  const look = () => nvmeNamespaces(basename(named));
  const spaces =
    (await until(async () => ((await look()).length > 0 ? look() : undefined), {
      deadlineMs: options.waitMs,
      ...signalOf(options),
    })) ?? [];
  if (spaces.length === 0 && (await identityOf(named)) === undefined)
    throw deviceMissing(named, await listDisks());
  return { ...(await expand(theNamespace(named, spaces), options)), named };
}

/**
 * The disk that a controller stands for. Pure.
 *
 * @param spaces names of its namespaces
 * @throws DmError device/NVME_WITHOUT_NAMESPACE, device/NVME_SEVERAL_NAMESPACES (data.namespaces)
 */
export function theNamespace(named: string, spaces: readonly string[]): string {
  const [only, ...more] = spaces.map(name => `/dev/${name}`);
  if (only === undefined) {
    throw new DmError('device', 'NVME_WITHOUT_NAMESPACE', `The NVMe controller ${named} has no namespace.`, {
      hint: 'Create one with "nvme create-ns", or give another device.',
    });
  }
  if (more.length > 0) {
    const all = [only, ...more].join(', ');
    throw new DmError(
      'device',
      'NVME_SEVERAL_NAMESPACES',
      `The NVMe controller ${named} has several namespaces: ${all}.`,
      { hint: 'Name the one that is meant.', data: { namespaces: [only, ...more] } },
    );
  }
  return only;
}

async function newFile(named: string, wanted: string): Promise<NamedDevice> {
  const folder = await realpath(dirname(wanted)).catch(() => undefined);
  if (folder === undefined) {
    throw new DmError(
      'device',
      'DIRECTORY_MISSING',
      `${named} can not be created: there is no directory ${dirname(wanted)}.`,
      { hint: 'Create the directory, or name another place.' },
    );
  }
  const path = resolve(folder, basename(wanted));
  return { named, path, kind: 'new file', identity: `new:${path}` };
}

function namedTwice(first: string, second: string): DmError {
  const message =
    first === second ? `${first} is named twice.` : `${first} and ${second} are the same device.`;
  return new DmError('device', 'DEVICE_NAMED_TWICE', message, { hint: 'Name each device once.' });
}

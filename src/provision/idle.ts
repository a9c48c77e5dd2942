/**
 * Whether somebody writes to a pool that is not imported here: the uberblocks of all its devices, looked at for at
 * least ten seconds (two of OpenZFS's `zfs_txg_timeout`), must not change. Shows a pool in use that has
 * something to write; a host that holds the pool and writes nothing at all is not seen, so this is never the only
 * condition (see pool-plan, takeover).
 */

import { until } from '../lib/retry.ts';
import { forgetCached, readEdges, uberblockDigest } from './edges.ts';

export const IDLE_MS = 10_500;

export interface Watched {
  path: string;
  sizeBytes: number;
  isBlock: boolean;
}

/** Resolves to the first device that was written to while we looked, or undefined: idle. Throws as readEdges does. */
export async function writtenMeanwhile(
  devices: readonly Watched[],
  { forMs = IDLE_MS, signal }: { forMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<string | undefined> {
  const before = new Map<string, string>();
  for (const device of devices) before.set(device.path, await digest(device));
  const changed = async () => {
    for (const device of devices) if ((await digest(device)) !== before.get(device.path)) return device.path;
    return undefined;
  };
  return until(changed, { deadlineMs: forMs, everyMs: 1_000, ...(signal ? { signal } : {}) });
}

async function digest({ path, sizeBytes, isBlock }: Watched): Promise<string> {
  if (isBlock) await forgetCached(path);
  return uberblockDigest(await readEdges(path, sizeBytes));
}

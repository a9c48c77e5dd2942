/**
 * etcd's data directory is disposable: ZFS and state.json hold the truth. What another etcd version wrote,
 * or what etcd does not start on, is set aside (the newest one is kept, for whoever wants to know why), and
 * etcd starts afresh; the server fills it again.
 */

import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import { readIfThere, writeFileAtomic } from '../system/files.ts';

const ASIDE = 'etcd.set-aside-';

export interface EtcdData {
  directory: string;
  /** Nothing was in it: the server has to fill it. */
  fresh: boolean;
}

/** Decides what to do with a data directory, from the version noted beside it. Pure. */
export function dataVerdict(
  exists: boolean,
  noted: string | undefined,
  series: string,
): 'fresh' | 'use' | 'set-aside' {
  if (!exists) return 'fresh';
  return noted?.trim() === series ? 'use' : 'set-aside';
}

/** Makes sure that what is in `STATE/etcd` was written by this series (`3.4`), or that nothing is. */
export async function prepareEtcdData(stateDirectory: string, series: string, log: Log): Promise<EtcdData> {
  const directory = join(stateDirectory, 'etcd');
  const noted = await readIfThere(noteOf(stateDirectory));
  const exists = (await stat(directory).catch(() => undefined)) !== undefined;
  const verdict = dataVerdict(exists, noted, series);
  if (verdict === 'use') return { directory, fresh: false };
  if (verdict === 'set-aside')
    await setAside(stateDirectory, `it was written by etcd ${noted?.trim() || 'of unknown version'}`, log);
  // Noted before etcd writes: cut here, the next run finds a note and no data, which is as fresh as can be.
  await writeFileAtomic(noteOf(stateDirectory), `${series}\n`);
  return { directory, fresh: true };
}

/** Moves `STATE/etcd` out of the way; older ones set aside are removed first, since room is short. */
export async function setAside(stateDirectory: string, why: string, log: Log): Promise<void> {
  for (const name of await readdir(stateDirectory))
    if (name.startsWith(ASIDE)) await rm(join(stateDirectory, name), { recursive: true, force: true });
  const name = `${ASIDE}${new Date().toISOString().replace(/[:.]/g, '-')}`;
  await rename(join(stateDirectory, 'etcd'), join(stateDirectory, name));
  log.warn(
    `etcd's data is set aside as ${name}: ${why}; the index is rebuilt from ZFS, no data of yours is lost`,
  );
}

const noteOf = (stateDirectory: string): string => join(stateDirectory, 'etcd-version');

/** Before `dm-linuxkit stop` ends anything: whoever would hinder it later is found now, while the daemon still serves. */

import { DmError } from '../lib/errors.ts';
import { until } from '../lib/retry.ts';
import { MOUNT_PREFIX } from '../model/layout.ts';
import { isCover } from '../system/cover.ts';
import { type Mount, mountTable } from '../system/mounts.ts';
import { parentOf, type User, usersOfEach } from '../system/processes.ts';
import { liveRunFile, type RunPaths } from './run-files.ts';

/** What is about to end, or only passes by, is not taken for a user. */
const PASSING_MS = 1_000;

/** Mounts of the pool, in the order in which they can be taken away. Pure. */
export function mountsOf(pool: string, table: readonly Mount[]): Mount[] {
  return table.filter(({ source }) => source === pool || source.startsWith(`${pool}/`)).reverse();
}

/** Whether a mount is one for programs, and not one that the server or etcd work in. Pure. */
export function isExposed({ mountpoint }: Pick<Mount, 'mountpoint'>): boolean {
  return !mountpoint.startsWith(`${MOUNT_PREFIX}/`);
}

/**
 * Looks at what others have mounted in the pool's mounts; at who uses those that the server and etcd work in, which go
 * last; for an export at the users of all, and at whoever came to its filesystems another way. Daemon, server and etcd
 * themselves do not count.
 *
 * @throws DmError mount/UNMOUNT_BUSY (data.users)
 */
export async function refuseWhenInUse(pool: string, paths: RunPaths, exporting: boolean): Promise<void> {
  let hindrances: Hindrance[] = [];
  const isFree = async () => {
    hindrances = await lookAt(pool, paths, exporting);
    return hindrances.length === 0;
  };
  if (await until(isFree, { deadlineMs: PASSING_MS, everyMs: 100 })) return;
  const text = hindrances.map(({ mountpoint, words }) => `${mountpoint} is in use ${words}`).join('; ');
  throw new DmError('mount', 'UNMOUNT_BUSY', `${text}.`, {
    hint: 'Stop these programs, unmount what is mounted there, and try again.',
    data: { users: hindrances.flatMap(({ users }) => users) },
  });
}

interface Hindrance {
  mountpoint: string;
  users: User[];
  words: string;
}

async function lookAt(pool: string, paths: RunPaths, exporting: boolean): Promise<Hindrance[]> {
  const table = await mountTable();
  const all = mountsOf(pool, table);
  // Those for programs first: by them a user knows his dot. Who uses them is seen when they are taken away.
  const [exposed, inner] = [all.filter(isExposed), all.filter(mount => !isExposed(mount))];
  const targets = exporting ? [...exposed, ...inner] : inner;
  const own = await ownPids(paths);
  const named = new Set(own);
  const users = new Map<string, User[]>();
  // Each at the mount by which he came; then, for an export, who came by one that is not seen here.
  for (const scope of exporting ? (['mount', 'filesystem'] as const) : (['mount'] as const)) {
    for (const [mountpoint, found] of await usersOfEach(targets, { scope })) {
      // A child of the daemon's writes its sign of life; it ends with it.
      const others = found.filter(({ pid }) => !named.has(pid) && !own.has(parentOf(pid) ?? 0));
      for (const { pid } of others) named.add(pid);
      users.set(mountpoint, [...(users.get(mountpoint) ?? []), ...others]);
    }
  }
  return [...exposed, ...inner].flatMap(({ mountpoint }): Hindrance[] => {
    const others = users.get(mountpoint) ?? [];
    const words = [
      ...others.map(({ command, pid }) => `by ${command} (pid ${pid})`),
      ...foreignMounts(mountpoint, all, table).map(mount => `by the mount ${mount.mountpoint}`),
    ];
    return words.length === 0 ? [] : [{ mountpoint, users: others, words: words.join(', ') }];
  });
}

/** Mounts of somebody else in a mount of the pool. */
function foreignMounts(mountpoint: string, pool: readonly Mount[], table: readonly Mount[]): Mount[] {
  return table.filter(
    mount => mount.mountpoint.startsWith(`${mountpoint}/`) && !pool.includes(mount) && !isCover(mount),
  );
}

async function ownPids(paths: RunPaths): Promise<Set<number>> {
  const files = await Promise.all([paths.daemon, paths.server, paths.etcd].map(liveRunFile));
  return new Set(files.flatMap(file => file?.pid ?? []));
}

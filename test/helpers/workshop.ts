/** A workshop on the fake ZFS and the etcd in memory, in a directory of its own; started anew as a server would be. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Caller, Workshop } from '../../src/dots/index.ts';
import { createWorkshop, type WorkshopOptions } from '../../src/dots/workshop.ts';
import { createMemoryEtcd } from '../../src/etcd/memory.ts';
import { createLog } from '../../src/lib/log.ts';
import { pack, unpack } from '../../src/system/archive.ts';
import { writeFileAtomic } from '../../src/system/files.ts';
import type { Methods, PrepareMountParams } from '../../src/wire/methods.ts';
import { createFakeZfs } from './fake-zfs.ts';

export async function bench(more: Partial<WorkshopOptions> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'dm-dots-'));
  const fake = createFakeZfs();
  const etcd = createMemoryEtcd();
  const lines: string[] = [];
  const log = createLog({
    name: 'test',
    level: 'debug',
    format: 'text',
    destination: { write: line => void lines.push(line) },
  });
  const options: WorkshopOptions = {
    zfs: fake.zfs,
    pools: fake.pools,
    etcd,
    pool: 'tank',
    mountPrefix: join(directory, 'mnt'),
    containerMountPrefix: join(directory, 'container_mnt'),
    stateDirectory: directory,
    writeFileAtomic,
    archive: { pack, unpack },
    log,
    etcdPatienceMs: 100,
    ...more,
  };
  return {
    directory,
    fake,
    etcd,
    lines,
    options,
    start: (): Promise<Workshop> => createWorkshop(options),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

export type Bench = Awaited<ReturnType<typeof bench>>;

export const admin = (workshop: Workshop): Caller => workshop.users.admin();

export const stranger: Caller = {
  user: { Id: 'b-o-b', Name: 'bob', Email: '', EmailHash: '', Metadata: null },
  by: 'apikey',
  apiKey: 'k',
};

export const ref = (Name: string, Namespace = 'admin') => ({ Namespace, Name });

export const branchRef = (Name: string, Branch = '') => ({ ...ref(Name), Branch });

export const commitParams = (
  Name: string,
  Message: string,
  more: Partial<Methods['Commit']['params']> = {},
) => ({
  ...branchRef(Name),
  Message,
  Metadata: null,
  ...more,
});

export const growParams = (
  Name: string,
  NewBranchName: string,
  SourceCommitId = '',
  SourceBranch = 'master',
) => ({
  ...ref(Name),
  SourceBranch,
  NewBranchName,
  SourceCommitId,
});

export const mountParams = (Name: string, more: Partial<PrepareMountParams> = {}): PrepareMountParams => ({
  ...ref(Name),
  Branch: '',
  Subdot: '',
  Owner: '',
  Mode: '',
  Mountpoint: '/nowhere/at/all',
  ...more,
});

/** A running workshop with one dot, `shop`. */
export async function withShop(
  t: { teardown(fn: () => unknown): void },
  more: Partial<WorkshopOptions> = {},
) {
  const b = await bench(more);
  t.teardown(b.remove);
  const workshop = await b.start();
  const caller = admin(workshop);
  const id = await workshop.dots.create(caller, ref('shop'));
  const root = join(b.directory, 'mnt/dmfs', id);
  const grow = (name: string, at = '', from = 'master') =>
    workshop.branches.create(caller, growParams('shop', name, at, from));
  return { b, workshop, caller, id, root, grow };
}

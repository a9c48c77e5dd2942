/**
 * The workshop built from its adapters: what is on the pool, in the state file and in etcd made one, then
 * kept so.
 */

import type { Etcd, KeyValue } from '../etcd/index.ts';
import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { until, within } from '../lib/retry.ts';
import { dotsRoot } from '../model/layout.ts';
import type { Archive } from '../system/archive.ts';
import type { Pools, Zfs } from '../zfs/index.ts';
import { createAccounts } from './accounts.ts';
import { createBackup } from './backup.ts';
import { createBranches } from './branches.ts';
import { finishCheckouts, type Switcher } from './checkout.ts';
import { CommitMetadata } from './commit-metadata.ts';
import { createCommits } from './commits.ts';
import { type Context, rootOf, type UsersOf } from './context.ts';
import { finishDot } from './create-dot.ts';
import { destroyAll } from './delete-dot.ts';
import { createDots } from './dots.ts';
import { createFiles } from './files.ts';
import { removeIncoming } from './fork-dot.ts';
import { createHealth } from './health.ts';
import type { Workshop } from './index.ts';
import { IndexWriter } from './index-writer.ts';
import { initialState } from './initial-state.ts';
import { allValues, PREFIX } from './keyspace.ts';
import { withMountNames } from './mount-names.ts';
import { nameKey, Queues } from './queue.ts';
import { createReading } from './reading.ts';
import { type Plan, reconcile } from './reconcile.ts';
import { fullName, Registry } from './registry.ts';
import { createRollbacks, finishRollbacks } from './rollback.ts';
import { ROOM } from './room.ts';
import { createSharing } from './sharing.ts';
import { Sizes } from './sizes.ts';
import { openState, type StateStore, type WriteAtomic } from './state-file.ts';
import { Survey, setProperties } from './survey.ts';
import { createTags } from './tags.ts';
import { createUsers } from './users.ts';
import { Views } from './views.ts';

export interface WorkshopOptions {
  zfs: Zfs;
  pools: Pools;
  etcd: Etcd;
  pool: string;
  mountPrefix: string;
  containerMountPrefix: string;
  /** On the pool, 0700: state.json lives here. */
  stateDirectory: string;
  writeFileAtomic: WriteAtomic;
  /** Tar streams. */
  archive: Archive;
  /** A file of ours with the admin's API key in clear: a reset replaces it. Undefined: the machine's owner keeps it. */
  adminKeyFile?: string | undefined;
  /** Names the processes in the way of a rollback, and of a deletion where ZFS's own "busy" names none. */
  usersOf?: UsersOf;
  /** Changes what the machine's mountpoints show; without one a checkout is only recorded. */
  switcher?: Switcher;
  log: Log;
  /** Milliseconds that a first start waits for etcd, the only other place of users. Default 10 s. */
  etcdPatienceMs?: number;
}

/** Together, with the doors before, below the 5 s that a server has to stop (bin/dotmesh-server.ts). */
const STOP_OPERATIONS_MS = 1500;
const STOP_INDEX_MS = 500;
/** How long a look at a pool that was changed behind our back waits for our own operations to end. */
const LOOK_PATIENCE_MS = 10_000;

/**
 * Two ZFS commands and one read of etcd, whatever the number of dots; nothing is mounted.
 *
 * @throws DmError pool/POOL_MISSING, services/STATE_TOO_NEW, services/ETCD_UNREACHABLE (a first start only),
 *   and of ZFS's
 */
export async function createWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { zfs, pool, etcd, log, adminKeyFile, writeFileAtomic } = options;
  const keepAdminKey = adminKeyFile
    ? (key: string) => writeFileAtomic(adminKeyFile, `${key}\n`, { mode: 0o600 })
    : undefined;
  const nodeId = await nodeIdOf(zfs, pool);
  const everything = await zfs.everything(dotsRoot(pool));
  if (everything.filesystems.length === 0)
    await zfs.create(dotsRoot(pool), { mountpoint: 'legacy', ...ROOM });
  const { snapshots } = everything;
  const filesystems = everything.filesystems.filter(({ name }) => name !== dotsRoot(pool));

  const { store, values, failure } = await openStore(options, nodeId);
  const registry = new Registry();
  const queues = new Queues();
  const desired = () => allValues(registry.all(), store.state, nodeId);
  const index = new IndexWriter({ etcd, nodeId, desired, log });
  const survey = new Survey({ zfs, pool, nodeId, registry, queues, log, onChange: () => index.sync() });
  const sizes = new Sizes({ ask: () => survey.sizes(), log });
  const views = new Views({ zfs, pool, queues, rootOf: id => rootOf(options, id), log });
  const context: Context = {
    ...options,
    usersOf: options.usersOf,
    switcher: options.switcher,
    lookAgain: async () => {
      await queues.idle(LOOK_PATIENCE_MS);
      await survey.look();
    },
    nodeId,
    registry,
    store,
    index,
    queues,
    sizes,
    metadata: new CommitMetadata(),
    views,
  };
  await views.start();
  await removeIncoming(context);

  const plan = reconcile({ pool, nodeId, filesystems, snapshots, values });
  survey.adopt(filesystems, plan);
  await setProperties(zfs, plan, log);
  await finishCut(context, plan);
  await finishRollbacks(context, plan.rollbacks);
  await store.change(state => withMountNames(state, registry));
  await finishCheckouts(context);
  if (values) await index.sync(values);
  else index.fallBehind(failure);

  const commits = { ...createCommits(context), ...createTags(context), ...createRollbacks(context) };
  return {
    users: { ...createUsers({ store, index, log, keepAdminKey }), ...createAccounts({ store, index }) },
    sharing: createSharing(context),
    backup: createBackup(context, survey),
    reading: createReading(context),
    files: createFiles(context, commits.commit, options.archive),
    dots: createDots(context),
    commits,
    branches: createBranches(context),
    nodeId,
    ...createHealth({ etcd, pools: options.pools, pool }),
    async close() {
      // What takes longer is taken away by the next start, or by an export of the pool.
      const unmounted = within(views.close(), STOP_OPERATIONS_MS);
      const isIdle = await queues.idle(STOP_OPERATIONS_MS);
      if (!isIdle) log.warn('operations on dots are still under way; they are finished at the next start');
      await sizes.settle(STOP_INDEX_MS);
      await unmounted;
      await index.close(STOP_INDEX_MS);
    },
  };
}

/** §3.4: of the root dataset, hexadecimal without padding. */
async function nodeIdOf(zfs: Zfs, pool: string): Promise<string> {
  try {
    const { guid = '' } = await zfs.get(pool, ['guid']);
    return BigInt(guid).toString(16);
  } catch (error) {
    if (!isDmError(error, 'DATASET_MISSING')) throw error;
    throw new DmError('pool', 'POOL_MISSING', `There is no pool ${pool}.`, {
      hint: 'Import or create it first; dm-linuxkit does.',
    });
  }
}

interface Opened {
  store: StateStore;
  /** Undefined when etcd does not answer; `failure` is why. */
  values: KeyValue[] | undefined;
  failure: unknown;
}

/** Without a state file, etcd is the only one to know the users: starting without either would lose them. */
async function openStore(options: WorkshopOptions, nodeId: string) {
  const { etcd, stateDirectory, writeFileAtomic, log, etcdPatienceMs } = options;
  const opened = await openState(stateDirectory, writeFileAtomic, log);
  const read: Omit<Opened, 'store'> = { values: undefined, failure: undefined };
  const look = async () => {
    try {
      read.values = await etcd.list(PREFIX);
    } catch (error) {
      read.failure = error;
    }
    return read.values !== undefined;
  };
  const isThere = opened.found
    ? await look()
    : await until(look, { deadlineMs: etcdPatienceMs ?? 10_000, everyMs: 100 });
  if (!opened.found && !isThere) {
    const reason = asDmError(read.failure).message;
    const message = `There is no state.json, and users can not be taken from etcd either: ${reason}`;
    throw new DmError('services', 'ETCD_UNREACHABLE', message, { hint: 'Start etcd, then dotmesh-server.' });
  }
  const state = initialState(opened.found, read.values ?? [], nodeId);
  const store = opened.keep(opened.found ?? state);
  if (!opened.found || state !== opened.found) await store.write(state);
  return { store, ...read } satisfies Opened;
}

/** A creation or deletion that a power cut stopped. What fails now is tried again at the next start. */
async function finishCut(context: Context, plan: Plan): Promise<void> {
  const { log, queues } = context;
  for (const entry of plan.finish) {
    try {
      await queues.run(nameKey(entry.namespace, entry.name), () => finishDot(context, entry));
      log.info({ dot: fullName(entry) }, 'a creation that was cut is finished');
    } catch (error) {
      log.error({ dot: fullName(entry), reason: asDmError(error).message }, 'a creation can not be finished');
    }
  }
  for (const entries of plan.remove) {
    const dot = entries.map(fullName)[0];
    try {
      await destroyAll(context, entries);
      log.info({ dot }, 'a deletion that was cut is finished');
    } catch (error) {
      log.error({ dot, reason: asDmError(error).message }, 'a deletion can not be finished');
    }
  }
}

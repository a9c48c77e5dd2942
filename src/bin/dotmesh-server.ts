/** The door of dotmesh-server: adapters, start, signals, exit code. */

import { stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { createWorkshop } from '../dots/workshop.ts';
import { createGateway } from '../etcd/gateway.ts';
import type { Etcd } from '../etcd/index.ts';
import { DmError } from '../lib/errors.ts';
import { exitCodeOf, explain } from '../lib/exit-codes.ts';
import { parseFlags } from '../lib/flags.ts';
import { createLog, type Log } from '../lib/log.ts';
import { until, within } from '../lib/retry.ts';
import { VERSION } from '../lib/version.ts';
import { ensureStateDirectory, PROBE_MS } from '../provision/state-dataset.ts';
import { startDaemon } from '../server/daemon.ts';
import { refuseTakenDoors } from '../server/doors.ts';
import { readPki } from '../server/pki.ts';
import { readSettings, type Settings } from '../server/settings.ts';
import { FLAGS, guessAddresses, helpText } from '../server/usage.ts';
import { pack, unpack } from '../system/archive.ts';
import { writeFileAtomic } from '../system/files.ts';
import { leave } from '../system/leave.ts';
import { usersOf } from '../system/processes.ts';
import { hindrances, isStale, leftBehind, refreshMount, switchMount } from '../system/switch-mount.ts';
import { ENV } from '../wire/environment.ts';
import { connectZfs } from '../zfs/command-line.ts';
import type { Pools, Zfs } from '../zfs/index.ts';
import { probeFiles } from '../zfs/probe.ts';

/** dm-linuxkit starts us beside etcd, which may need two tries of a minute and says itself when they are over. */
const ETCD_WITHIN_MS = 180_000;
const ETCD_SLOW_MS = 5_000;
const ETCD_LOOK_MS = 2_000;
const ETCD_EVERY_MS = 10;
/** Less than dm-linuxkit waits for us: it stops the pair of etcd and us within 10 s. */
const STOP_WITHIN_MS = 5_000;

async function main(argv: readonly string[]): Promise<void> {
  const { booleans, rest } = parseFlags(argv, FLAGS);
  if (rest.length > 0) {
    throw new DmError('usage', 'UNEXPECTED_ARGUMENT', 'dotmesh-server takes flags only.', {
      hint: 'See --help; its settings come from the environment.',
    });
  }
  if (booleans.has('help')) process.stdout.write(helpText());
  else if (booleans.has('version')) process.stdout.write(`${VERSION}\n`);
  else if (booleans.has('guess-ipv4-addresses')) {
    process.stdout.write(`${guessAddresses(networkInterfaces()).join(',')}\n`);
  } else await serve(readSettings(process.env));
}

/** Starts, stays until SIGTERM or SIGINT, stops. A signal during the start ends it as gently. */
async function serve(settings: Settings): Promise<void> {
  const log = createLog({ name: 'dotmesh-server', level: settings.logLevel, format: settings.logFormat });
  const asked = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => asked.abort());
  const signalled = new Promise<void>(resolve => {
    asked.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const undo: Undo[] = [];
  try {
    await start(settings, log, asked.signal, undo);
    await signalled;
  } catch (error) {
    if (!asked.signal.aborted) throw error;
  } finally {
    await stop(undo, log);
  }
}

type Undo = () => Promise<void> | void;

/** What fails to close must not keep the rest open, and what hangs must not keep us. */
async function stop(undo: readonly Undo[], log: Log): Promise<void> {
  const all = async () => {
    for (const step of undo.toReversed()) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, 'Something did not close.');
      }
    }
    return true;
  };
  if (!(await within(all(), STOP_WITHIN_MS))) {
    log.error(`Work was still under way ${STOP_WITHIN_MS / 1000} s after the server was told to stop.`);
  }
}

/** Each thing that was opened leaves its undoing in `undo`. */
async function start(settings: Settings, log: Log, signal: AbortSignal, undo: Undo[]): Promise<void> {
  const { pool, listen, socket, check, secrets, mountPrefix, containerMountPrefix } = settings;
  await refuseTakenDoors(listen, socket);
  const { zfs, pools } = await connectZfs({ log });
  const stateDirectory = await findStateDirectory(settings, zfs, pools);
  const tls = readPki(settings.etcdEndpoint, settings.pkiPath);
  const etcd = createGateway({ endpoint: settings.etcdEndpoint, ...(tls ? { tls } : {}) });
  undo.push(() => etcd.close());
  await waitForEtcd(etcd, signal, log);
  const { adminKeyFile } = settings;
  const workshop = await createWorkshop({
    zfs,
    pools,
    etcd,
    pool,
    mountPrefix,
    containerMountPrefix,
    stateDirectory,
    writeFileAtomic,
    archive: { pack, unpack },
    // One that the machine's owner gave is his to change.
    adminKeyFile: adminKeyFile?.startsWith(`${stateDirectory}/`) ? adminKeyFile : undefined,
    usersOf,
    switcher: { isStale, hindrances, switchMount, refreshMount, leftBehind },
    log,
  });
  undo.push(() => workshop.close());
  await workshop.users.applyInitialSecrets(secrets);
  signal.throwIfAborted();
  const daemon = await startDaemon({ workshop, log, pool, listen, socket, check });
  undo.push(() => daemon.stop());
}

/** @throws DmError pool/POOL_MISSING, usage/BAD_SETTING */
async function findStateDirectory(settings: Settings, zfs: Zfs, pools: Pools): Promise<string> {
  const pool = (await pools.list()).find(({ name }) => name === settings.pool);
  if (pool === undefined) {
    throw new DmError('pool', 'POOL_MISSING', `There is no pool ${settings.pool} on this machine.`, {
      hint: 'Import it (zpool import), or let dm-linuxkit find or make it.',
    });
  }
  const given = settings.stateDirectory;
  const probe = (directory: string) => probeFiles(directory, PROBE_MS);
  if (given === undefined) return ensureStateDirectory(pool, zfs, probe, settings.mountPrefix);
  const found = await stat(given).catch(() => undefined);
  // Not made when missing: the pool's dataset is then not mounted there, and state beside it would be lost.
  if (found?.isDirectory()) return given;
  throw new DmError('usage', 'BAD_SETTING', `${ENV.stateDirectory} names ${given}, which is no directory.`);
}

/** @throws DmError services/ETCD_UNREACHABLE */
async function waitForEtcd(etcd: Etcd, signal: AbortSignal, log: Log): Promise<void> {
  const look = () => etcd.healthy(ETCD_LOOK_MS);
  const slow = setTimeout(
    () => log.warn(`etcd does not answer yet: waiting for it, ${ETCD_WITHIN_MS / 1000} s at most.`),
    ETCD_SLOW_MS,
  );
  try {
    if (await until(look, { deadlineMs: ETCD_WITHIN_MS, everyMs: ETCD_EVERY_MS, signal })) return;
  } finally {
    clearTimeout(slow);
  }
  const text = `etcd gave no answer within ${ETCD_WITHIN_MS / 1000} s.`;
  throw new DmError('services', 'ETCD_UNREACHABLE', text, {
    hint: `Is it running at the address in ${ENV.etcdEndpoint}?`,
  });
}

main(process.argv.slice(2)).then(
  () => leave(0),
  error => {
    process.stderr.write(`${explain(error)}\n`);
    return leave(exitCodeOf(error));
  },
);

/** Commits and branches beside the raw `zfs` commands, and how their cost grows. */

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/system/run.ts';
import {
  client,
  dist,
  profile,
  running,
  type Server,
  startEtcd,
  startServer,
  unmountAll,
} from './machine.ts';
import { against, compare, median, ms, single, timed } from './report.ts';

const ROUNDS = 20;
/** The cost of a commit is looked at after so many commits, and after so many. */
const EARLY = 10;
const LATE = 5000;
const LOG = 10_000;
const MIB = 2 ** 20;

export async function commits(folder: string): Promise<void> {
  const pool = `dm-bench-${process.pid}-commits`;
  const disk = join(folder, 'commits.img');
  await run(['truncate', '-s', '8G', disk]);
  await run(['zpool', 'create', '-m', 'none', pool, disk]);
  const etcd = await startEtcd(join(folder, 'commits'));
  try {
    const server = await startServer(pool, folder, etcd.port);
    await beside(server, pool, folder);
    await branches(server, pool, folder);
    await growth(server, folder);
  } finally {
    for (const server of running) await server.stop();
    await etcd.stop();
    await unmountAll(pool);
    await run(['zpool', 'destroy', pool], { timeoutMs: 300_000 });
  }
}

const call = (server: Server) => client(server.port);
const ref = (Name: string) => ({ Namespace: 'admin', Name, Branch: '' });
const commit = (server: Server, name: string) =>
  call(server).call('Commit', { ...ref(name), Message: 'bench', Metadata: null });

/** A file of some bytes in the dot, and the directory of the dot. */
async function dotWith(server: Server, name: string, mib: number): Promise<string> {
  await call(server).call('Create', { Namespace: 'admin', Name: name });
  const path = await call(server).call('Procure', { Namespace: 'admin', Name: name, Subdot: '__default__' });
  const file = await open(join(path, 'data'), 'w');
  const block = Buffer.alloc(MIB, 'x');
  for (let at = 0; at < mib; at++) {
    block.writeUInt32LE(at);
    await file.write(block);
  }
  await file.close();
  return path;
}

async function beside(server: Server, pool: string, folder: string): Promise<void> {
  await dotWith(server, 'commits', 1);
  const id = await call(server).call('Lookup', ref('commits'));
  const env = await profile(server, folder);
  await run([process.execPath, dist('dm'), 'switch', 'commits'], { env });
  const [ours, program, raw]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    raw.push(await timed(() => run(['zfs', 'snapshot', `${pool}/dmfs/${id}@raw-${round}`])));
    ours.push(await timed(() => commit(server, 'commits')));
    program.push(await timed(() => run([process.execPath, dist('dm'), 'commit', '-m', 'bench'], { env })));
  }
  against('Commit / zfs snapshot', ours, [...raw], { text: '≤ 1.50 ×', met: (a, b) => a / b <= 1.5 });
  compare('dm commit / zfs snapshot', program, raw, 150);
}

async function branches(server: Server, pool: string, folder: string): Promise<void> {
  for (const [name, mib] of [
    ['small', 1],
    ['large', 1024],
  ] as const) {
    await dotWith(server, name, mib);
    const SourceCommitId = await commit(server, name);
    const id = await call(server).call('Lookup', ref(name));
    const [ours, raw]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const NewBranchName = `b${round}`;
      const params = {
        Namespace: 'admin',
        Name: name,
        SourceBranch: 'master',
        NewBranchName,
        SourceCommitId,
      };
      ours.push(await timed(() => call(server).call('Branch', params)));
      const clone = `${pool}/raw-${name}-${round}`;
      const mountpoint = join(folder, 'raw', `${name}-${round}`);
      raw.push(
        await timed(async () => {
          const options = ['-o', 'canmount=noauto', '-o', `mountpoint=${mountpoint}`];
          await run(['zfs', 'clone', ...options, `${pool}/dmfs/${id}@${SourceCommitId}`, clone]);
          await run(['zfs', 'mount', clone], { okCodes: [0, 1] });
        }),
      );
    }
    const bar = { text: '≤ 1.50 ×', met: (a: number, b: number) => a / b <= 1.5 };
    against(`Branch of ${mib} MiB / zfs clone, mount`, ours, raw, bar);
  }
}

async function growth(server: Server, folder: string): Promise<void> {
  await dotWith(server, 'long', 1);
  const times: number[] = [];
  for (let at = 0; at < LOG; at++) times.push(await timed(() => commit(server, 'long')));
  const around = (from: number) => times.slice(from, from + 50);
  against(`Commit after ${LATE} / after ${EARLY}`, around(LATE), around(EARLY), {
    text: '≤ 1.30 ×',
    met: (a, b) => a / b <= 1.3,
  });
  const env = await profile(server, folder);
  await run([process.execPath, dist('dm'), 'switch', 'long'], { env });
  const logs: number[] = [];
  for (let round = 0; round < 5; round++) {
    logs.push(await timed(() => run([process.execPath, dist('dm'), 'log'], { env })));
  }
  single(`dm log of ${LOG} commits`, median(logs), ms, 500);
}

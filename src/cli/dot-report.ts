/**
 * Everything `dm dot show` tells about a dot, asked from the server call by call. Text from it is made
 * printable.
 */

import { isDmError } from '../lib/errors.ts';
import { type DotName, formatDotName, MASTER, printable } from '../model/names.ts';
import type { BranchRef, DotmeshVolume } from '../wire/methods.ts';
import type { Connection } from './command.ts';
import { oneLine } from './print.ts';
import { currentBranch, currentDot, type Profile, remoteNamed, upstreamsOf } from './profile.ts';

export interface Replica {
  server: string;
  master: boolean;
  status: string;
  /** Ids of commits that this server lacks. */
  missing: string[];
}

export interface BranchReport {
  id: string;
  name: string;
  /** Of the current branch only. */
  containers: string[];
  /** Undefined when we may not ask (not admin) or the server could not say. */
  replicas: Replica[] | undefined;
}

export interface DotReport {
  namespace: string;
  name: string;
  masterBranchId: string;
  selected: boolean;
  /** Commits and sizes are those of master. */
  commits: number;
  sizeBytes: number;
  dirtyBytes: number;
  currentBranch: string;
  branches: BranchReport[];
  /** Of the current branch; none when the server can not say. */
  subdots: string[];
  upstreams: { remote: string; dot: string }[];
  /** What could not be found out, in sentences. */
  notes: string[];
}

const ADMIN = 'admin';

/**
 * `shownBranch` instead of the one that is checked out.
 *
 * @throws DmError dot/RPC_ERROR such as `No such filesystem named …`, and those of RpcClient.call
 */
export async function inspectDot(
  profile: Profile,
  connection: Connection,
  dot: DotName,
  shownBranch?: string,
): Promise<DotReport> {
  const { client } = connection;
  const remote = remoteNamed(profile, connection.name);
  const ref = { Namespace: dot.namespace, Name: dot.name };
  const current = shownBranch ?? currentBranch(remote, dot);
  const masterId = await client.call('Lookup', { ...ref, Branch: '' });
  const master = await client.call('Get', masterId);
  const names = [MASTER, ...(await branchNames(connection, ref))];
  const notes: string[] = [];
  const branches: BranchReport[] = [];
  for (const name of names) {
    const branch = { ...ref, Branch: name === MASTER ? '' : name };
    const id = name === MASTER ? masterId : await client.call('Lookup', branch);
    const volume = name === MASTER ? master : await client.call('Get', id);
    branches.push({
      id: printable(id),
      name: printable(name),
      containers: name === current ? await containersOn(connection, branch) : [],
      replicas: remote.User === ADMIN ? await replicasOf(connection, branch, volume, notes) : undefined,
    });
  }
  return {
    namespace: printable(dot.namespace),
    name: printable(dot.name),
    masterBranchId: printable(masterId),
    selected: currentDot(remote) === formatDotName(dot),
    commits: Number(master.CommitCount),
    sizeBytes: Number(master.SizeBytes),
    dirtyBytes: Number(master.DirtyBytes),
    currentBranch: printable(current),
    branches,
    subdots: (
      await client
        .call('Subdots', { ...ref, Branch: current === MASTER ? '' : current })
        .catch(noneWhenMissing<string>)
    ).map(printable),
    upstreams: upstreamsOf(profile, dot).map(({ remote: peer, dot: { Namespace, Name } }) => ({
      remote: printable(peer),
      dot: `${printable(Namespace)}/${printable(Name)}`,
    })),
    notes,
  };
}

/** A server that has no such call has no branches. */
async function branchNames(
  { client }: Connection,
  ref: { Namespace: string; Name: string },
): Promise<string[]> {
  return client.call('Branches', ref).catch(noneWhenMissing<string>);
}

async function containersOn({ client }: Connection, branch: BranchRef): Promise<string[]> {
  const containers = await client.call('Containers', branch).catch(noneWhenMissing<{ Name: string }>);
  return containers.map(({ Name }) => printable(String(Name)));
}

function noneWhenMissing<T>(error: unknown): T[] {
  if (isDmError(error, 'METHOD_MISSING')) return [];
  throw error;
}

async function replicasOf(
  { client }: Connection,
  branch: BranchRef,
  { Master, ServerStatuses }: DotmeshVolume,
  notes: string[],
): Promise<Replica[] | undefined> {
  try {
    const latency = await client.call('GetReplicationLatencyForBranch', branch).catch(error => {
      // The only server that has a dot lacks nothing of it: then there was no need to ask.
      const alone = Object.keys(ServerStatuses ?? {}).every(server => server === Master);
      if (alone && isDmError(error, 'METHOD_MISSING')) return { [Master]: [] as string[] };
      throw error;
    });
    return Object.entries(latency)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([server, missing]) => ({
        server: printable(server),
        master: server === Master,
        status: oneLine(ServerStatuses?.[server] ?? ''),
        missing: (missing ?? []).map(id => printable(String(id))),
      }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    notes.push(`The replication status of branch ${branch.Branch || MASTER} is not known: ${reason}`);
    return undefined;
  }
}

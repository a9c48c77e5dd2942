/**
 * ZFS, the state file and etcd made one. Pure: what is there goes in, what is to be done comes out. ZFS is
 * the truth: nothing here destroys a filesystem or hides one without a warning; only a deletion that was
 * decided is finished.
 *
 * The id of a dot is what its property `dm-linuxkit:dot` says, not its dataset's name: after a `zfs rename`
 * behind our back it is the same dot to peers, mounts and collaborators, under another dataset. A branch
 * has no such property of its own: its id is its dataset's last component, and a renamed branch keeps its
 * name, not its id.
 */

import type { KeyValue } from '../etcd/index.ts';
import { dotsRoot, PROPERTY, TAGS } from '../model/layout.ts';
import { formatTags } from '../model/tags.ts';
import type { Filesystem, Snapshot } from '../zfs/index.ts';
import { type Claim, claimOf } from './claims.ts';
import { type IndexedDot, readIndex } from './keyspace.ts';
import { giveIds, nameBranches, nameMasters, nameOf } from './naming.ts';
import { type Entry, fullName } from './registry.ts';
import { staleTags } from './tag-places.ts';

export interface World {
  pool: string;
  nodeId: string;
  /** Everything below `POOL/dmfs`; other filesystems are passed over. */
  filesystems: readonly Filesystem[];
  snapshots: readonly Snapshot[];
  /** What etcd holds; undefined when it does not answer. */
  values: readonly KeyValue[] | undefined;
  /** Where `values` are from, for warnings. Default: etcd. */
  of?: string | undefined;
}

export interface Plan {
  entries: Entry[];
  /** Dots whose creation was cut before their first commit; also in `entries`. */
  finish: Entry[];
  /** Dots whose deletion was cut: filesystems, leaves first. In no other list. */
  remove: Entry[][];
  /** Rollbacks that were cut; also in `entries`. */
  rollbacks: { entry: Entry; commit: string }[];
  /** Properties to set, and to take away after that, by dataset or snapshot. */
  properties: { dataset: string; properties: Record<string, string>; inherit: string[] }[];
  /** Sentences for the log. */
  warnings: string[];
  /** Where names that are not in properties are from. */
  of: string;
}

export function reconcile(world: World): Plan {
  const { of = 'etcd' } = world;
  const plan: Plan = {
    ...{ entries: [], finish: [], remove: [], rollbacks: [], properties: [], warnings: [] },
    of,
  };
  const claims = readClaims(world, plan);
  const ids = giveIds(claims);
  const masters = nameMasters(claims, ids, plan);
  nameBranches(claims, ids, masters, plan);
  fillOrigins(plan.entries, claims, ids);
  for (const claim of claims.filter(one => one.deleting && one.branch === '')) {
    const dot = ids.get(claim) ?? '';
    const doomed = plan.entries.filter(entry => entry.dot === dot);
    if (doomed.length > 0) plan.remove.push(leavesFirst(doomed));
    plan.entries = plan.entries.filter(entry => entry.dot !== dot);
  }
  dropBranches(claims, ids, plan);
  planRollbacks(claims, ids, plan);
  planTags(plan);
  const bare = new Set(
    claims.filter(({ snapshots, filesystem }) => snapshots.length === 0 && !filesystem.origin).map(nameOf),
  );
  plan.finish = plan.entries.filter(entry => entry.branch === '' && bare.has(entry.dataset));
  if (world.values) warnOfLost(world.values, plan, world.nodeId);
  return plan;
}

/** Branches whose deletion alone was cut. One that others grow from was never to be deleted. */
function dropBranches(claims: readonly Claim[], ids: Map<Claim, string>, plan: Plan): void {
  for (const claim of claims.filter(one => one.deleting && one.branch !== '')) {
    const doomed = plan.entries.find(entry => entry.id === ids.get(claim));
    if (!doomed || plan.entries.some(({ origin }) => origin?.filesystemId === doomed.id)) continue;
    plan.remove.push([doomed]);
    plan.entries = plan.entries.filter(entry => entry !== doomed);
  }
}

function planRollbacks(claims: readonly Claim[], ids: Map<Claim, string>, plan: Plan): void {
  for (const claim of claims) {
    if (claim.rollback === undefined) continue;
    const entry = plan.entries.find(({ id }) => id === ids.get(claim));
    if (!entry) continue;
    if (entry.commits.includes(claim.rollback)) plan.rollbacks.push({ entry, commit: claim.rollback });
    else plan.properties.push({ dataset: entry.dataset, properties: {}, inherit: [PROPERTY.rollback] });
  }
}

function planTags(plan: Plan): void {
  for (const { entry, commit, tags } of staleTags(plan.entries)) {
    entry.tags = new Map([...entry.tags, [commit, tags]]);
    const isEmpty = tags.length === 0;
    plan.properties.push({
      dataset: `${entry.dataset}@${commit}`,
      properties: isEmpty ? {} : { [TAGS]: formatTags(tags) },
      inherit: isEmpty ? [TAGS] : [],
    });
  }
}

function readClaims({ pool, filesystems, snapshots, values }: World, plan: Plan): Claim[] {
  const index = values && readIndex(values);
  const below = `${dotsRoot(pool)}/`;
  const byFilesystem = Map.groupBy(snapshots, snapshot => snapshot.filesystem);
  const claims: Claim[] = [];
  for (const filesystem of filesystems) {
    if (!filesystem.name.startsWith(below)) continue;
    const claim = claimOf(pool, filesystem, byFilesystem.get(filesystem.name) ?? [], index);
    if ('leftAlone' in claim) plan.warnings.push(`${filesystem.name} ${claim.leftAlone}: it is left alone.`);
    else claims.push(claim);
  }
  // The older first, so that in a conflict it keeps what it has.
  const age = (claim: Claim) => claim.snapshots[0]?.createtxg ?? Number.MAX_SAFE_INTEGER;
  return claims.sort((a, b) => age(a) - age(b) || (a.component < b.component ? -1 : 1));
}

function fillOrigins(entries: Entry[], claims: readonly Claim[], ids: Map<Claim, string>): void {
  const idOf = new Map(claims.map(claim => [nameOf(claim), ids.get(claim) ?? claim.component]));
  const originOf = new Map(claims.map(claim => [nameOf(claim), claim.filesystem.origin]));
  for (const entry of entries) {
    const [dataset = '', snapshotId = ''] = (originOf.get(entry.dataset) ?? '').split('@');
    const filesystemId = idOf.get(dataset);
    if (filesystemId !== undefined) entry.origin = { filesystemId, snapshotId };
  }
}

/** The order in which filesystems of one dot can be destroyed: none before those that were cloned from it. */
export function leavesFirst(entries: readonly Entry[]): Entry[] {
  const byId = new Map(entries.map(entry => [entry.id, entry]));
  const depth = (entry: Entry, seen = new Set<string>()): number => {
    const parent = entry.origin && byId.get(entry.origin.filesystemId);
    if (!parent || seen.has(entry.id)) return entry.branch === '' ? 0 : 1;
    return 1 + depth(parent, seen.add(entry.id));
  };
  return [...entries].sort((a, b) => depth(b) - depth(a));
}

/** Dots that only the index still knows: a dataset destroyed behind our back. Their records go. */
function warnOfLost(values: readonly KeyValue[], plan: Plan, nodeId: string): void {
  const index = readIndex(values);
  const known = new Set([...plan.entries, ...plan.remove.flat()].map(entry => entry.id));
  const isLost = ({ id }: { id: string }) =>
    !known.has(id) && !index.deleted.has(id) && (index.masters.get(id) ?? nodeId) === nodeId;
  const names = index.dots.filter(isLost).map((dot: IndexedDot) => fullName(dot));
  if (names.length === 0) return;
  plan.warnings.push(
    plan.of === 'etcd'
      ? `etcd names dots whose filesystems were destroyed behind our back: ${names.join(', ')}. It forgets them.`
      : `${plan.of} names dots that are not on this pool: ${names.join(', ')}.`,
  );
}

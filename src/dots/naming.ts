/** Ids and names for the filesystems that claim some: where two claim one name, nobody is hidden. Pure. */

import { isHidden } from '../model/commit.ts';
import { PROPERTY } from '../model/layout.ts';
import { parseTags } from '../model/tags.ts';
import { type Claim, claimProperties } from './claims.ts';
import type { Plan } from './reconcile.ts';
import { type Entry, fullName } from './registry.ts';

export const nameOf = (claim: Claim): string => claim.filesystem.name;

/** Ids by claim; see `reconcile.ts` for what an id is. */
export function giveIds(claims: readonly Claim[]): Map<Claim, string> {
  const taken = new Set(claims.map(claim => claim.component));
  const ids = new Map<Claim, string>();
  for (const claim of claims) {
    const keepsId = claim.branch === '' && !taken.has(claim.dot);
    const id = keepsId ? claim.dot : claim.component;
    taken.add(id);
    ids.set(claim, id);
  }
  return ids;
}

/** Puts masters into the plan, each under a name of its own; by id. The oldest claim comes first. */
export function nameMasters(
  claims: readonly Claim[],
  ids: Map<Claim, string>,
  plan: Plan,
): Map<string, Entry> {
  const masters = new Map<string, Entry>();
  const isMaster = (claim: Claim) => claim.branch === '';
  // A name that a dot has from the start is never given to one that has to be renamed.
  const claimed = new Set(claims.filter(isMaster).map(fullName));
  const taken = new Set<string>();
  for (const claim of claims.filter(isMaster)) {
    const id = ids.get(claim) ?? claim.component;
    let { name } = claim;
    if (taken.has(fullName(claim))) {
      name = otherName(claim.name, id, other => claimed.has(fullName({ ...claim, name: other })));
      claimed.add(fullName({ ...claim, name }));
      const listed = fullName({ ...claim, name });
      plan.warnings.push(
        `${nameOf(claim)} claims the name ${fullName(claim)} of an older dot: it is listed as ${listed}.`,
      );
    }
    taken.add(fullName({ ...claim, name }));
    const entry = toEntry({ ...claim, name, dot: id }, id);
    setWhereWrong(claim, entry, plan);
    masters.set(id, entry);
    plan.entries.push(entry);
  }
  return masters;
}

/** Puts branches into the plan, under their master's name. */
export function nameBranches(
  claims: readonly Claim[],
  ids: Map<Claim, string>,
  masters: ReadonlyMap<string, Entry>,
  plan: Plan,
): void {
  const claimed = new Set(claims.map(({ dot, branch }) => `${dot}/${branch}`));
  const taken = new Set<string>();
  for (const claim of claims) {
    if (claim.branch === '') continue;
    const master = masters.get(claim.dot);
    if (!master) {
      plan.warnings.push(`${nameOf(claim)} is a branch of a dot that is not there: it is left alone.`);
      continue;
    }
    const id = ids.get(claim) ?? claim.component;
    let { branch } = claim;
    if (taken.has(`${claim.dot}/${branch}`)) {
      branch = otherName(claim.branch, id, other => claimed.has(`${claim.dot}/${other}`));
      claimed.add(`${claim.dot}/${branch}`);
      const place = `the branch ${claim.branch} of ${fullName(master)}`;
      plan.warnings.push(`${nameOf(claim)} claims ${place} beside an older one: it is listed as ${branch}.`);
    }
    taken.add(`${claim.dot}/${branch}`);
    const { namespace, name } = master;
    const entry = toEntry({ ...claim, namespace, name, branch }, id);
    setWhereWrong(claim, entry, plan);
    plan.entries.push(entry);
  }
}

const LONGEST_NAME = 64;

/** `<name>-<first 8 of id>`, and when that is taken too, with the whole id, then with a number. */
function otherName(name: string, id: string, isTaken: (name: string) => boolean): string {
  const ending = (end: string) => `${name.slice(0, LONGEST_NAME - 1 - end.length)}-${end}`;
  const candidates = [ending(id.slice(0, 8)), ending(id.slice(-LONGEST_NAME / 2))];
  for (let number = 2; ; number++) {
    const candidate = candidates.shift() ?? ending(`${id.slice(0, 8)}-${number}`);
    if (!isTaken(candidate)) return candidate;
  }
}

function toEntry(claim: Claim, id: string): Entry {
  const { filesystem, dot, namespace, name, branch, fork, snapshots } = claim;
  return {
    id,
    dataset: filesystem.name,
    mountpoint: filesystem.mountpoint,
    dot,
    namespace,
    name,
    branch,
    origin: undefined,
    ...(claim.rollback === undefined ? {} : { marked: true }),
    fork,
    commits: snapshots.map(snapshot => snapshot.id).filter(commit => !isHidden(commit)),
    tags: new Map(snapshots.filter(each => each.tags !== '').map(each => [each.id, parseTags(each.tags)])),
  };
}

function setWhereWrong(claim: Claim, entry: Entry, plan: Plan): void {
  const wanted = claimProperties(entry);
  const { properties } = claim.filesystem;
  const marks = PROPERTY.renaming in properties ? [PROPERTY.renaming] : [];
  const isRight = Object.entries(wanted).every(([key, value]) => properties[key] === value);
  if (isRight && marks.length === 0) return;
  plan.properties.push({ dataset: entry.dataset, properties: wanted, inherit: marks });
  if (claim.adopted) {
    const branch = entry.branch && `@${entry.branch}`;
    plan.warnings.push(`${entry.dataset} is adopted as ${fullName(entry)}${branch}: ${plan.of} named it so.`);
  }
}

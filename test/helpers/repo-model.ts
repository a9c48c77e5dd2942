/** What a dot with commits, branches, tags and rollbacks should be: plain data, changed by pure functions. */

export interface BranchModel {
  /** Where it grew; undefined for master. */
  origin: { branch: string; commit: string } | undefined;
  /** Its own commits with what its file held, oldest first. */
  commits: { id: string; text: string }[];
  /** What its file holds now. */
  text: string;
}

export interface RepoModel {
  /** '' is master. */
  branches: Record<string, BranchModel>;
  /** Tag → commit. */
  tags: Record<string, string>;
  /** The branch that the plain name shows. */
  checkedOut: string;
}

export const newModel = (initial: string): RepoModel => ({
  branches: { '': { origin: undefined, commits: [{ id: initial, text: '' }], text: '' } },
  tags: {},
  checkedOut: '',
});

export function branchOf(model: RepoModel, name: string): BranchModel {
  const found = model.branches[name];
  if (!found) throw new Error(`the model has no branch ${name}`);
  return found;
}

/** Oldest first, inherited ones included. */
export function historyOf(model: RepoModel, name: string): { id: string; text: string }[] {
  const { origin, commits } = branchOf(model, name);
  if (!origin) return commits;
  const before = historyOf(model, origin.branch);
  return [...before.slice(0, before.findIndex(({ id }) => id === origin.commit) + 1), ...commits];
}

/** Who made the commit that the branch has. */
function makerOf(model: RepoModel, name: string, commit: string): string {
  const { origin, commits } = branchOf(model, name);
  if (commits.some(({ id }) => id === commit) || !origin) return name;
  return makerOf(model, origin.branch, commit);
}

export function withText(model: RepoModel, name: string, text: string): RepoModel {
  return { ...model, branches: { ...model.branches, [name]: { ...branchOf(model, name), text } } };
}

export function withCommit(model: RepoModel, name: string, id: string): RepoModel {
  const branch = branchOf(model, name);
  const commits = [...branch.commits, { id, text: branch.text }];
  return { ...model, branches: { ...model.branches, [name]: { ...branch, commits } } };
}

export function withBranch(model: RepoModel, source: string, commit: string, name: string): RepoModel {
  const text = historyOf(model, source).find(({ id }) => id === commit)?.text ?? '';
  const origin = { branch: makerOf(model, source, commit), commit };
  return { ...model, branches: { ...model.branches, [name]: { origin, commits: [], text } } };
}

export function withoutBranch(model: RepoModel, name: string): RepoModel {
  const { [name]: _, ...branches } = model.branches;
  return onlyLiving({ ...model, branches });
}

export function checkedOutAs(model: RepoModel, checkedOut: string): RepoModel {
  return { ...model, checkedOut };
}

export function withName(model: RepoModel, from: string, to: string): RepoModel {
  const { branches, checkedOut } = model;
  const renamed = Object.entries(branches).map(([name, branch]): [string, BranchModel] => {
    const origin = branch.origin?.branch === from ? { ...branch.origin, branch: to } : branch.origin;
    return [name === from ? to : name, { ...branch, origin }];
  });
  return {
    ...model,
    branches: Object.fromEntries(renamed),
    checkedOut: checkedOut === from ? to : checkedOut,
  };
}

export function withTag(model: RepoModel, tag: string, commit: string): RepoModel {
  return { ...model, tags: { ...model.tags, [tag]: commit } };
}

export function rolledBack(model: RepoModel, name: string, commit: string): RepoModel {
  const branch = branchOf(model, name);
  const at = branch.commits.findIndex(({ id }) => id === commit);
  const commits = branch.commits.slice(0, at + 1);
  const lost = new Set(branch.commits.slice(at + 1).map(({ id }) => id));
  const gone = new Set<string>();
  const goes = ({ origin }: BranchModel) =>
    origin !== undefined && ((origin.branch === name && lost.has(origin.commit)) || gone.has(origin.branch));
  for (let before = -1; before < gone.size; ) {
    before = gone.size;
    for (const [other, each] of Object.entries(model.branches)) if (goes(each)) gone.add(other);
  }
  const left = Object.entries(model.branches).filter(([other]) => !gone.has(other));
  const branches = {
    ...Object.fromEntries(left),
    [name]: { ...branch, commits, text: commits.at(-1)?.text ?? '' },
  };
  return onlyLiving({ ...model, branches });
}

/** Names of branches that can be deleted: nothing grew from them, and they are not checked out. */
export function leavesOf({ branches, checkedOut }: RepoModel): string[] {
  const parents = new Set(Object.values(branches).map(({ origin }) => origin?.branch));
  return Object.keys(branches).filter(name => name !== '' && name !== checkedOut && !parents.has(name));
}

/** A tag goes with its commit; where the branch that was checked out has gone, master is. */
function onlyLiving({ branches, tags, checkedOut }: RepoModel): RepoModel {
  const ids = new Set(Object.values(branches).flatMap(({ commits }) => commits.map(({ id }) => id)));
  return {
    branches,
    tags: Object.fromEntries(Object.entries(tags).filter(([, commit]) => ids.has(commit))),
    checkedOut: checkedOut in branches ? checkedOut : '',
  };
}

/** What can be seen from outside, in one order. */
export function viewOf(model: RepoModel): unknown {
  const branches = Object.keys(model.branches)
    .sort()
    .map(name => {
      const tagsAt = (commit: string) =>
        Object.keys(model.tags)
          .filter(tag => model.tags[tag] === commit)
          .sort();
      const history = historyOf(model, name).map(({ id }) => [id, tagsAt(id)]);
      return { name, text: branchOf(model, name).text, history };
    });
  return [...branches, { shown: branchOf(model, model.checkedOut).text }];
}

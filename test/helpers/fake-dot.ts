/** A dot in memory, behind the calls of a server: commits, branches, tags, users. For startFakeDotmesh. */

import type { BranchRef, DotmeshVolume, Methods, SafeUser, Snapshot } from '../../src/wire/methods.ts';

type Handlers = { [M in keyof Methods]?: (params: Methods[M]['params']) => unknown };

interface Branch {
  commits: Snapshot[];
  /** What it grew from. */
  origin: { branch: string; id: string } | undefined;
  dirtyBytes: number;
}

export interface FakeDot {
  name: string;
  /** By name; '' is master. */
  branches: Map<string, Branch>;
  tags: Map<string, string>;
  /** Branch that is mounted. */
  mounted: string;
  users: SafeUser[];
  /** Processes with files open. */
  open: { Pid: number; Command: string }[];
  handlers: Handlers;
  commit(branch: string, id: string, metadata?: Record<string, string>): void;
}

export const ADDITIVE = [
  'History',
  'PreviewRollback',
  'Tag',
  'Untag',
  'DeleteBranch',
  'RenameBranch',
  'RenameDot',
  'Subdots',
  'Status',
  'DiffCommits',
  'ListUsers',
] as const;

/** `additive: false`: an original server, without ours. `admin: false`: it refuses what only admin may. */
export function fakeDot({ additive = true, admin = true } = {}): FakeDot {
  const dot: FakeDot = {
    name: 'shop',
    branches: new Map([['', { commits: [], origin: undefined, dirtyBytes: 0 }]]),
    tags: new Map(),
    mounted: '',
    users: [{ Id: 'u1', Name: 'alice', Email: 'alice@example.org', EmailHash: '', Metadata: null }],
    open: [],
    handlers: {},
    commit(branch, id, metadata = {}) {
      const { commits } = branchOf(branch);
      // The time of a commit is its number: 2020-04-27T15:06:40Z and the seconds after.
      const timestamp = `${1588000000 + commits.length}123456789`;
      commits.push({
        Id: id,
        Metadata: { author: 'alice', message: `message of ${id}`, timestamp, ...metadata },
      });
    },
  };
  dot.commit('', '1111aaaa', { author: 'admin', message: 'Initial commit', type: 'dotmesh.initial' });

  function branchOf(name: string): Branch {
    const branch = dot.branches.get(name);
    if (!branch) throw new Error(`No such filesystem named 'admin/${dot.name}@${name}'`);
    return branch;
  }
  function check({ Namespace, Name }: { Namespace: string; Name: string }): void {
    if (Namespace !== 'admin' || Name !== dot.name) {
      throw new Error(`No such filesystem named '${Namespace}/${Name}'`);
    }
  }
  function at(ref: BranchRef): Branch {
    check(ref);
    return branchOf(ref.Branch);
  }
  function history(name: string): (Snapshot & { Branch: string; Tags: string[] })[] {
    const { commits, origin } = branchOf(name);
    const parents = origin ? history(origin.branch) : [];
    const inherited = parents.slice(0, parents.findIndex(({ Id }) => Id === origin?.id) + 1);
    const own = commits.map(commit => ({
      ...commit,
      Branch: name,
      Tags: [...dot.tags].flatMap(([tag, id]) => (id === commit.Id ? [tag] : [])),
    }));
    return [...inherited, ...own];
  }
  function volume(name: string): DotmeshVolume {
    const { commits, dirtyBytes } = branchOf(name);
    return {
      Id: `id-${name}`,
      Name: { Namespace: 'admin', Name: dot.name },
      Branch: name,
      Master: 'node1',
      SizeBytes: 4096,
      DirtyBytes: dirtyBytes,
      CommitCount: commits.length,
      ServerStates: { node1: 'active' },
      ServerStatuses: { node1: 'active' },
      ForkParentId: '',
      ForkParentSnapshotId: '',
    };
  }
  function losses({ Branch, SnapshotId }: { Branch: string; SnapshotId: string }) {
    const { commits, dirtyBytes } = branchOf(Branch);
    const later = commits.slice(commits.findIndex(({ Id }) => Id === SnapshotId) + 1);
    const ids = new Set(later.map(({ Id }) => Id));
    const grown = [...dot.branches].filter(([, { origin }]) => origin && ids.has(origin.id));
    return {
      Commits: later,
      Branches: grown.map(([name]) => name),
      DirtyBytes: dirtyBytes,
      Subdots: [],
      Users: dot.open,
    };
  }
  function adminOnly(): void {
    if (!admin) throw new Error('Userid u1 is not admin user');
  }

  const handlers: Handlers = {
    List: () => ({ admin: { [dot.name]: volume('') } }),
    ListWithContainers: () => ({ admin: { [dot.name]: { Volume: volume(''), Containers: [] } } }),
    Lookup: ref => {
      at(ref);
      return `id-${ref.Branch}`;
    },
    Get: id => volume(id.replace('id-', '')),
    Branches: ref => {
      check(ref);
      return [...dot.branches.keys()].filter(name => name !== '').sort();
    },
    Commit: ({ Message, Metadata, ...ref }) => {
      const wrong = Object.keys(Metadata ?? {}).find(
        key => key.charAt(0) === key.charAt(0).toUpperCase() && key[0] !== '#',
      );
      if (wrong) throw new Error(`Metadata field names must start with lowercase characters: ${wrong}`);
      const branch = at(ref);
      const { '#commit-id': id = `c0${branch.commits.length}${'d'.repeat(30)}`, ...metadata } =
        Metadata ?? {};
      dot.commit(ref.Branch, id, { message: Message, ...metadata });
      branch.dirtyBytes = 0;
      return id;
    },
    Commits: ref => at(ref).commits,
    Rollback: ({ SnapshotId, IfNothingLost, Force, ...ref }) => {
      adminOnly();
      const branch = at(ref);
      const lost = losses({ ...ref, SnapshotId });
      if (IfNothingLost && (lost.Commits.length > 0 || lost.DirtyBytes > 0)) throw new Error('would lose');
      if (dot.open.length > 0 && !Force) throw new Error('in use');
      for (const name of lost.Branches) dot.branches.delete(name);
      branch.commits = branch.commits.slice(0, branch.commits.length - lost.Commits.length);
      branch.dirtyBytes = 0;
      return true;
    },
    Branch: ({ SourceBranch, NewBranchName, SourceCommitId, ...ref }) => {
      check(ref);
      const source = SourceBranch === 'master' ? '' : SourceBranch;
      if (!branchOf(source).commits.some(({ Id }) => Id === SourceCommitId))
        throw new Error('no-such-snapshot');
      dot.branches.set(NewBranchName, {
        commits: [],
        origin: { branch: source, id: SourceCommitId },
        dirtyBytes: 0,
      });
      return true;
    },
    SwitchContainers: ({ NewBranchName, Force, ...ref }) => {
      adminOnly();
      check(ref);
      if (dot.open.length > 0 && !Force) throw new Error('files are open in postgres (42)');
      dot.mounted = NewBranchName;
      return true;
    },
    ForceBranchMasterById: () => true,
    Fork: () => 'fork-id',
    Delete: ref => {
      check(ref);
      return true;
    },
    Diff: () => ({ Files: [{ change: '+', filename: 'a/b' }] }),
    DumpEtcd: () => ({ Version: 'v1', Users: [] }),
    RestoreEtcd: ({ Dump }) => JSON.parse(Dump).Version !== 'v1',
    RegisterNewUser: ({ Name, Email }) => {
      const user = { Id: `u${dot.users.length + 1}`, Name, Email, EmailHash: '', Metadata: null };
      dot.users.push(user);
      return user;
    },
    UserFromName: ({ Name }) => {
      const user = dot.users.find(each => each.Name === Name);
      if (user) return user;
      throw new Error(`User '${Name}' not found`);
    },
    UpdateUserPassword: ({ Id }) => dot.users.find(each => each.Id === Id),
    UpdatePassword: () => dot.users[0],
    ResetApiKey: () => ({ ApiKey: 'a-new-key' }),
    History: ref => {
      at(ref);
      return history(ref.Branch);
    },
    PreviewRollback: ref => {
      at(ref);
      return losses(ref);
    },
    Tag: ({ Tag, CommitId, ...ref }) => {
      if (!at(ref).commits.some(({ Id }) => Id === CommitId)) throw new Error('no such commit there');
      dot.tags.set(Tag, CommitId);
      return true;
    },
    Untag: ({ Tag }) => {
      if (!dot.tags.delete(Tag)) throw new Error(`There is no tag '${Tag}'`);
      return true;
    },
    DeleteBranch: ref => {
      at(ref);
      return dot.branches.delete(ref.Branch);
    },
    RenameBranch: ({ NewBranchName, ...ref }) => {
      dot.branches.set(NewBranchName, at(ref));
      return dot.branches.delete(ref.Branch);
    },
    RenameDot: ({ NewName, NewNamespace: _, ...ref }) => {
      check(ref);
      dot.name = NewName;
      return true;
    },
    Subdots: ref => {
      at(ref);
      return ['__default__', 'orders'];
    },
    Status: ref => ({
      SizeBytes: 4096,
      DirtyBytes: at(ref).dirtyBytes,
      Subdots: [
        { Name: '__default__', ChangedBytes: 0 },
        { Name: 'orders', ChangedBytes: at(ref).dirtyBytes },
      ],
    }),
    DiffCommits: ({ From, To, ...ref }) => {
      at(ref);
      return {
        Files: [
          { change: '+', filename: `__default__/from-${From}` },
          { change: 'R', filename: 'orders/new', from: `orders/to-${To || 'now'}` },
        ],
      };
    },
    ListUsers: () => dot.users,
  };
  if (!additive) for (const method of ADDITIVE) delete handlers[method];
  dot.handlers = handlers;
  return dot;
}

/** A workshop without ZFS and etcd: it keeps names in memory and refuses what the real one's contract refuses. */

import {
  ADMIN_ID,
  type Branches,
  type Caller,
  type Commits,
  type Dots,
  type Reading,
  type Sharing,
  type Users,
  type Workshop,
} from '../../src/dots/index.ts';
import { DmError } from '../../src/lib/errors.ts';
import { checkName } from '../../src/model/names.ts';
import type { BranchRef, DotmeshVolume, DotRef, SafeUser } from '../../src/wire/methods.ts';

export const ADMIN_KEY = 'key:with:colons';
export const ADMIN_PASSWORD = 'correct horse';
export const EVE_KEY = 'eves-key';

const admin: SafeUser = { Id: ADMIN_ID, Name: 'admin', Email: '', EmailHash: '', Metadata: null };
const eve: SafeUser = { ...admin, Id: '11111111-1111-4111-8111-111111111111', Name: 'eve' };

export interface Overrides {
  users?: Partial<Users>;
  dots?: Partial<Dots>;
  commits?: Partial<Commits>;
  branches?: Partial<Branches>;
  sharing?: Partial<Sharing>;
  reading?: Partial<Reading>;
  workshop?: Partial<Omit<Workshop, 'users' | 'dots' | 'commits' | 'branches' | 'sharing' | 'reading'>>;
}

export function fakeWorkshop(overrides: Overrides = {}): Workshop {
  return {
    users: { ...fakeUsers(), ...overrides.users },
    dots: { ...fakeDots(), ...overrides.dots },
    commits: { ...fakeCommits(), ...overrides.commits },
    branches: { ...fakeBranches(), ...overrides.branches },
    sharing: { ...fakeSharing(), ...overrides.sharing },
    backup: { dump: () => ({ version: 'v1' }), restore: async () => {} },
    reading: { ...fakeReading(), ...overrides.reading },
    files: {
      list: async () => {},
      read: async () => {},
      put: async () => 'commit',
      putArchive: async () => 'commit',
      remove: async () => 'commit',
    },
    nodeId: 'abc123',
    poolUsage: async () => 42,
    check: async () => '',
    close: async () => {},
    ...overrides.workshop,
  };
}

function fakeUsers(): Users {
  const callers: [login: string, secret: string, caller: Caller][] = [
    ['admin', ADMIN_KEY, { user: admin, by: 'apikey', apiKey: ADMIN_KEY }],
    ['admin', ADMIN_PASSWORD, { user: admin, by: 'password', apiKey: undefined }],
    ['eve', EVE_KEY, { user: eve, by: 'apikey', apiKey: EVE_KEY }],
  ];
  return {
    authenticate: async (login, secret) => callers.find(([l, s]) => l === login && s === secret)?.[2],
    admin: () => ({ user: admin, by: 'socket', apiKey: undefined }),
    resetApiKey: async () => 'fresh-key',
    updatePassword: async () => admin,
    applyInitialSecrets: async () => {},
    register: async ({ Name, Email }) => ({ ...eve, Name, Email }),
    setPassword: async () => eve,
    setEmail: async () => eve,
    setMetadata: async () => eve,
    deleteMetadata: async () => eve,
    byName: () => eve,
    byEmail: () => eve,
    byCustomerId: () => eve,
    list: () => [admin, eve],
  };
}

/** Not even a commit: tests of the doors say what they need. */
function fakeCommits(): Commits {
  const none = { Commits: [], Branches: [], DirtyBytes: 0, Subdots: [], Users: [] };
  return {
    commit: async () => 'commit',
    list: async () => [],
    listById: async () => [],
    history: async () => [],
    tag: async () => {},
    untag: async () => {},
    previewRollback: async () => none,
    rollback: async () => {},
  };
}

function fakeBranches(): Branches {
  return {
    list: () => [],
    create: async () => {},
    delete: async () => {},
    rename: async () => {},
    renameDot: async () => {},
    containers: () => [],
    containersById: () => [],
    replicationLatency: () => ({ abc123: [] }),
    forceMaster: () => {},
  };
}
const fakeReading = (): Reading => ({
  mountCommit: async (_caller, id, commit) => `/mnt/${id}@${commit}`,
  diffCommits: async () => [],
  diffById: async () => [],
  diffLatest: async () => [],
  status: async () => ({ SizeBytes: 0, DirtyBytes: 0, Subdots: [] }),
  subdots: async () => [],
  lastModified: async () => new Date(0),
});

const fakeSharing = (): Sharing => ({
  add: async () => {},
  remove: async () => {},
  dotsAndBranches: async () => [],
});

function fakeDots(): Dots {
  const dots = new Map<string, DotmeshVolume>();
  const key = ({ Namespace, Name }: DotRef) => {
    checkName('namespace', Namespace);
    checkName('dot', Name);
    return `${Namespace}/${Name}`;
  };
  const find = (ref: BranchRef): string | undefined => {
    const at = key(ref);
    checkName('branch', ref.Branch);
    return dots.get(at)?.Id;
  };
  const missing = ({ Namespace, Name }: DotRef) =>
    new DmError('dot', 'DOT_MISSING', `No such filesystem named '${Namespace}/${Name}'`);
  const mount = { Branch: '', Subdot: '', Mountpoint: '/m', FilesystemId: 'id', Path: '/p', Fault: '' };
  return {
    list: async () => [...dots.values()],
    get: async (_caller, id) => {
      const found = [...dots.values()].find(({ Id }) => Id === id);
      if (found) return found;
      throw new DmError('dot', 'DOT_MISSING', `No known filesystem with id ${id}`);
    },
    lookup: (_caller, ref) => {
      const id = find(ref);
      if (id === undefined) throw missing(ref);
      return id;
    },
    checkOut: async (_caller, { Branch }) => ({ Branch, Switched: [], Pinned: [], LeftBehind: [] }),
    exists: (_caller, ref) => find(ref) ?? '',
    create: async (_caller, ref) => {
      const id = `id-${dots.size}`;
      dots.set(key(ref), volume(id, ref));
      return id;
    },
    delete: async (_caller, ref) => {
      if (!dots.delete(key(ref))) throw missing(ref);
    },
    fork: async (_caller, id) => `fork-of-${id}`,
    procure: async (_caller, ref) => {
      const path = `/mnt/${key(ref)}`;
      if (ref.Subdot !== '') checkName('subdot', ref.Subdot);
      return ref.Subdot === '' ? path : `${path}/${ref.Subdot}`;
    },
    prepareMount: async ({ Namespace, Name }) => ({ ...mount, Namespace, Name }),
    mounts: async () => [],
    forgetMount: async () => {},
  };
}

function volume(Id: string, { Namespace, Name }: DotRef): DotmeshVolume {
  return {
    Id,
    Name: { Namespace, Name },
    Branch: '',
    Master: 'abc123',
    SizeBytes: 0,
    DirtyBytes: 0,
    CommitCount: 1,
    ServerStates: { abc123: 'active' },
    ServerStatuses: { abc123: 'waiting, 1 commits' },
    ForkParentId: '',
    ForkParentSnapshotId: '',
  };
}

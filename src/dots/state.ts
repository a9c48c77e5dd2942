/**
 * What ZFS can not carry, kept in one file on the pool: users and hashes, collaborators, mounts, prepared
 * subdots. Pure: the shape and reading it. `state-file.ts` keeps the file.
 */

/** Form of the file. A server refuses to start on a higher one: it would lose what it does not know. */
export const STATE_VERSION = 1;

/** Salted SHA-256 of a key of 256 random bits; hex. */
export interface KeyHash {
  salt: string;
  hash: string;
}

/** scrypt N=32768 r=8 p=1, 32-byte salt and key, as the original's users have them (§1.3); base64. */
export interface PasswordHash {
  salt: string;
  key: string;
}

export interface StoredUser {
  id: string;
  name: string;
  email: string;
  metadata: Record<string, string> | null;
  apiKey: KeyHash | null;
  password: PasswordHash | null;
  /** Hashes of the secrets from the machine's metadata that were applied last. */
  applied: { apiKey: KeyHash | null; password: PasswordHash | null };
}

export interface StoredMount {
  /** Of the branch that is pinned; of master when it follows. */
  filesystemId: string;
  namespace: string;
  name: string;
  /** As it was asked for: '' follows what is checked out; a branch, `master` too, is pinned. */
  branch: string;
  subdot: string;
}

export interface State {
  version: typeof STATE_VERSION;
  users: StoredUser[];
  /** Dot id → ids of users who may read it. */
  collaborators: Record<string, string[]>;
  /** Absolute path on the machine → what appears there. */
  mounts: Record<string, StoredMount>;
  /** Filesystem id → subdots whose directory got its owner and mode: they never get them again. */
  prepared: Record<string, string[]>;
  /** Dot id → id of the branch that its mounts show; master where there is none. */
  checkedOut: Record<string, string>;
}

export const emptyState = (): State => ({
  version: STATE_VERSION,
  users: [],
  collaborators: {},
  mounts: {},
  prepared: {},
  checkedOut: {},
});

/** `newer`: by a later server, not to be touched. `unreadable`: truncated, of no known form. */
export type Reading = { state: State } | { newer: number } | { unreadable: string };

export function readState(text: string): Reading {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : String(error) };
  }
  if (!isObject(raw)) return { unreadable: 'it holds no object' };
  if (typeof raw.version === 'number' && raw.version > STATE_VERSION) return { newer: raw.version };
  if (raw.version !== STATE_VERSION) return { unreadable: `its version is ${JSON.stringify(raw.version)}` };
  const { users, collaborators, mounts, prepared, checkedOut = {} } = raw;
  if (!Array.isArray(users) || !users.every(isUser)) return { unreadable: 'its users are damaged' };
  if (!isMapOf(collaborators, isTexts)) return { unreadable: 'its collaborators are damaged' };
  if (!isMapOf(mounts, isMount)) return { unreadable: 'its mounts are damaged' };
  if (!isMapOf(prepared, isTexts)) return { unreadable: 'its prepared subdots are damaged' };
  if (!isMapOf(checkedOut, isText)) return { unreadable: 'what is checked out is damaged' };
  return { state: { version: STATE_VERSION, users, collaborators, mounts, prepared, checkedOut } };
}

/** A member of one of the maps: an id may be `constructor`, which every object has. */
export function member<T>(map: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** The state without anything about these filesystems, whose dot is gone. */
export function withoutFilesystems(state: State, ids: ReadonlySet<string>): State {
  const keep = <T>(map: Record<string, T>, isKept: (key: string, value: T) => boolean) =>
    Object.fromEntries(Object.entries(map).filter(([key, value]) => isKept(key, value)));
  return {
    ...state,
    collaborators: keep(state.collaborators, id => !ids.has(id)),
    mounts: keep(state.mounts, (_, mount) => !ids.has(mount.filesystemId)),
    prepared: keep(state.prepared, id => !ids.has(id)),
    checkedOut: keep(state.checkedOut, (dot, branch) => !ids.has(dot) && !ids.has(branch)),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMapOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is Record<string, T> {
  return isObject(value) && Object.values(value).every(isOne);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

function hasTexts(value: unknown, members: readonly string[]): value is Record<string, unknown> {
  return isObject(value) && members.every(member => isText(value[member]));
}

const isKeyHash = (value: unknown) => value === null || hasTexts(value, ['salt', 'hash']);
const isPasswordHash = (value: unknown) => value === null || hasTexts(value, ['salt', 'key']);

export function isMount(value: unknown): value is StoredMount {
  return hasTexts(value, ['filesystemId', 'namespace', 'name', 'branch', 'subdot']);
}

function isUser(value: unknown): value is StoredUser {
  if (!hasTexts(value, ['id', 'name', 'email'])) return false;
  const { metadata, apiKey, password, applied } = value;
  return (
    (metadata === null || isMapOf(metadata, isText)) &&
    isKeyHash(apiKey) &&
    isPasswordHash(password) &&
    isApplied(applied)
  );
}

export function isApplied(value: unknown): value is StoredUser['applied'] {
  return isObject(value) && isKeyHash(value.apiKey) && isPasswordHash(value.password);
}

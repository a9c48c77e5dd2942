/**
 * The params of each method, read as Go reads them: names without regard to case, unknown ones ignored, null and
 * missing ones empty, `[params]` the same as `params`. Wire reference §1.4.
 */

import { CODE, RpcFault } from './json-rpc.ts';
import { compact, firstElement, kindOf, members } from './json-text.ts';
import type { MethodName, Methods } from './methods.ts';

/** `map`: texts by text, or null. */
type FieldType = 'string' | 'number' | 'boolean' | 'map';
type Fields = Record<string, FieldType>;
/** null: no params; 'string': a bare string; else an object with these fields. */
type Shape = null | 'string' | Fields;
type ShapeOf<P> = P extends null
  ? null
  : P extends string
    ? 'string'
    : { [K in keyof P]-?: FieldOf<NonNullable<P[K]>> };
type FieldOf<T> = T extends string
  ? 'string'
  : T extends number
    ? 'number'
    : T extends boolean
      ? 'boolean'
      : 'map';

const DOT = { Namespace: 'string', Name: 'string' } as const;
const BRANCH = { ...DOT, Branch: 'string' } as const;

const SHARE = { MasterBranchID: 'string', Collaborator: 'string' } as const;

const SHAPES: { [M in MethodName]: ShapeOf<Methods[M]['params']> } = {
  Ping: null,
  Version: null,
  CurrentUser: null,
  AuthenticatedUser: null,
  List: null,
  ListWithContainers: null,
  Get: 'string',
  Lookup: BRANCH,
  Exists: BRANCH,
  Create: DOT,
  Delete: DOT,
  Procure: { ...DOT, Subdot: 'string' },
  SwitchContainers: { ...DOT, NewBranchName: 'string', Force: 'boolean' },
  Checkout: { ...BRANCH, Force: 'boolean' },
  Config: null,
  CheckNameIsValid: BRANCH,
  GetApiKey: null,
  ResetApiKey: null,
  UpdatePassword: { NewPassword: 'string' },
  Branches: DOT,
  Containers: BRANCH,
  GetReplicationLatencyForBranch: BRANCH,
  Commit: { ...BRANCH, Message: 'string', Metadata: 'map' },
  Commits: BRANCH,
  CommitsById: 'string',
  Rollback: { ...BRANCH, SnapshotId: 'string', Force: 'boolean', IfNothingLost: 'boolean' },
  Branch: { ...DOT, SourceBranch: 'string', NewBranchName: 'string', SourceCommitId: 'string' },
  ContainersById: 'string',
  ForceBranchMasterById: { FilesystemId: 'string', Master: 'string' },
  History: BRANCH,
  PreviewRollback: { ...BRANCH, SnapshotId: 'string' },
  Tag: { ...BRANCH, CommitId: 'string', Tag: 'string' },
  Untag: { ...DOT, Tag: 'string' },
  DeleteBranch: BRANCH,
  RenameBranch: { ...BRANCH, NewBranchName: 'string' },
  RenameDot: { ...DOT, NewNamespace: 'string', NewName: 'string' },
  RegisterNewUser: { Name: 'string', Email: 'string', Password: 'string' },
  UpdateUserPassword: { Id: 'string', NewPassword: 'string' },
  UserFromName: { Name: 'string' },
  UserFromEmail: { Email: 'string' },
  UserFromCustomerId: { CustomerId: 'string' },
  SetUserMetadataField: { Id: 'string', Field: 'string', Value: 'string' },
  DeleteUserMetadataField: { Id: 'string', Field: 'string' },
  SetUserEmail: { Id: 'string', Email: 'string' },
  ListUsers: null,
  AddCollaborator: SHARE,
  RemoveCollaborator: SHARE,
  DumpEtcd: { Prefix: 'string' },
  RestoreEtcd: { Prefix: 'string', Dump: 'string' },
  Fork: { MasterBranchID: 'string', ForkNamespace: 'string', ForkName: 'string' },
  MountCommit: { FilesystemId: 'string', CommitId: 'string' },
  LastModified: DOT,
  Diff: { FilesystemID: 'string' },
  DiffCommits: { ...BRANCH, From: 'string', To: 'string' },
  Status: BRANCH,
  Subdots: BRANCH,
  AllDotsAndBranches: null,
  PrepareMount: { ...BRANCH, Subdot: 'string', Owner: 'string', Mode: 'string', Mountpoint: 'string' },
  Mounts: null,
  ForgetMount: { Mountpoint: 'string' },
};

const GO_TYPE = { string: 'string', number: 'int', boolean: 'bool', map: 'map[string]string' } as const;
const ZERO = { string: '', number: 0, boolean: false, map: null } as const;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(SHAPES, name);
}

/**
 * `raw` is the JSON text of the request's params, undefined when there are none.
 *
 * @throws RpcFault -32600 with Go's message and the params as data
 */
export function readParams<M extends MethodName>(method: M, raw: string | undefined): Methods[M]['params'] {
  const shape: Shape = SHAPES[method];
  const params = raw === undefined ? zero(shape) : raw[0] === '[' ? fromArray(shape, raw) : plain(shape, raw);
  // The shape of each method is checked against Methods where SHAPES is declared.
  return params as Methods[M]['params'];
}

function plain(shape: Shape, raw: string): unknown {
  const read = decode(shape, raw);
  if ('value' in read) return read.value;
  // Go's second try is a list of one, so that is what its message is about, whatever was wrong inside.
  throw typeFault(`${kindOf(raw)} into Go value of type [1]interface {}`, raw);
}

function fromArray(shape: Shape, raw: string): unknown {
  const element = firstElement(raw);
  if (element === undefined) return zero(shape);
  const read = decode(shape, element);
  if ('value' in read) return read.value;
  throw typeFault(read.fault, raw);
}

function typeFault(what: string, raw: string): RpcFault {
  return new RpcFault(CODE.invalidRequest, `json: cannot unmarshal ${what}`, compact(raw));
}

function decode(shape: Shape, raw: string): { value: unknown } | { fault: string } {
  const kind = kindOf(raw);
  if (kind === 'null') return { value: zero(shape) };
  if (shape === 'string') {
    return kind === 'string' ? { value: text(raw) } : { fault: `${kind} into Go value of type string` };
  }
  if (kind !== 'object') return { fault: `${kind} into Go value of type ${goStruct(shape)}` };
  return shape === null ? { value: null } : decodeFields(shape, raw);
}

function decodeFields(fields: Fields, raw: string): { value: unknown } | { fault: string } {
  const names = new Map(Object.keys(fields).map(name => [name.toLowerCase(), name]));
  const value = new Map<string, unknown>(Object.entries(zero(fields) ?? {}));
  for (const [member, memberRaw] of members(raw)) {
    const name = names.get(member.toLowerCase());
    const type = name === undefined ? undefined : fields[name];
    if (name === undefined || type === undefined || kindOf(memberRaw) === 'null') continue;
    if (type === 'map' && kindOf(memberRaw) === 'object') {
      const texts = decodeTexts(name, memberRaw);
      if ('fault' in texts) return texts;
      // Go decodes into the map that is there: a field that comes twice adds to it.
      value.set(name, { ...(value.get(name) ?? {}), ...texts.value });
      continue;
    }
    const read: unknown = kindOf(memberRaw) === 'string' ? text(memberRaw) : JSON.parse(memberRaw);
    const where = `Go struct field .${name} of type ${GO_TYPE[type]}`;
    if (typeof read !== type) return { fault: `${kindOf(memberRaw)} into ${where}` };
    value.set(name, read);
  }
  return { value: Object.fromEntries(value) };
}

/** Keys differ by case here, null is the empty text, and of a key that comes twice the last counts. */
function decodeTexts(field: string, raw: string): { value: Record<string, string> } | { fault: string } {
  const texts = new Map<string, string>();
  for (const [key, valueRaw] of members(raw)) {
    const kind = kindOf(valueRaw);
    if (kind !== 'string' && kind !== 'null') {
      return { fault: `${kind} into Go struct field .${field} of type string` };
    }
    texts.set(key.toWellFormed(), kind === 'null' ? '' : text(valueRaw));
  }
  // fromEntries defines members: a key may be __proto__, which an assignment would lose.
  return { value: Object.fromEntries(texts) };
}

function zero(shape: Shape): unknown {
  if (shape === null) return null;
  if (shape === 'string') return '';
  return Object.fromEntries(Object.entries(shape).map(([name, type]) => [name, ZERO[type]]));
}

/** A string as Go decodes it: half a surrogate pair becomes U+FFFD. */
function text(raw: string): string {
  return String(JSON.parse(raw)).toWellFormed();
}

function goStruct(fields: Fields | null): string {
  const members = Object.entries(fields ?? {}).map(([name, type]) => `${name} ${GO_TYPE[type]}`);
  return members.length === 0 ? 'struct {}' : `struct { ${members.join('; ')} }`;
}

/** The original's backup (§5.4), written and read. Pure. */

import type { KeyValue } from '../etcd/index.ts';
import { DmError } from '../lib/errors.ts';
import { ADMIN_ID } from './index.ts';
import { KEYS } from './keyspace.ts';
import type { State, StoredUser } from './state.ts';
import { readIndexUser } from './user-record.ts';

const VERSION = 'v1';

/** Members in the original's order; users, masters, dots and branches as they stand in the index. */
export interface BackupV1 {
  version: string;
  created: string;
  users: unknown[];
  filesystem_masters: unknown[];
  registry_filesystems: unknown[];
  registry_clones: unknown[];
}

/** @param values everything that the index should hold */
export function writeBackup(values: readonly KeyValue[], created: Date): BackupV1 {
  const below = (prefix: string): unknown[] =>
    values.filter(({ key }) => key.startsWith(prefix)).map(({ value }) => JSON.parse(value));
  return {
    version: VERSION,
    created: created.toISOString(),
    users: below(KEYS.users),
    filesystem_masters: below(KEYS.masters),
    registry_filesystems: below(KEYS.dots),
    registry_clones: below(KEYS.branches),
  };
}

export interface ReadBackup {
  /** As JSON has them; they may be damaged. */
  users: Record<string, unknown>[];
  /** Dots and branches under the keys of the index. */
  values: KeyValue[];
}

/** @throws DmError usage/BACKUP_UNREADABLE, usage/BACKUP_VERSION in the original's words */
export function readBackup(text: string): ReadBackup {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    // The parser's own words quote the text, which holds hashes.
    throw unreadable('it is no JSON');
  }
  if (!isObject(raw)) throw unreadable('it is no object');
  if (raw.version !== VERSION) {
    const version = typeof raw.version === 'string' ? raw.version : '';
    const message = `unsupported backup version '${version}', supported version: ${VERSION}`;
    throw new DmError('usage', 'BACKUP_VERSION', message);
  }
  const list = (member: string): Record<string, unknown>[] => {
    const found = raw[member] ?? [];
    if (!Array.isArray(found) || !found.every(isObject))
      throw unreadable(`its ${member} are no list of objects`);
    return found;
  };
  const dots = list('registry_filesystems').map(dot => ({
    key: `${KEYS.dots}${String(dot.OwnerId)}/${String(dot.Name)}`,
    value: JSON.stringify(dot),
  }));
  const branches = list('registry_clones').map(branch => ({
    key: `${KEYS.branches}${String(branch.TopLevelFilesystemId)}/${String(branch.Name)}`,
    value: JSON.stringify(branch),
  }));
  return { users: list('users'), values: [...dots, ...branches] };
}

/**
 * The users of `state` with those of the backup over them, by id. What can not be taken over is told, and the rest is
 * taken. Who the admin is never changes, nor which secrets of the machine's metadata count as applied.
 */
export function mergeUsers(
  state: State,
  records: readonly Record<string, unknown>[],
): { users: StoredUser[]; faults: string[] } {
  const users = new Map(state.users.map(user => [user.id, user]));
  const faults: string[] = [];
  for (const record of records) {
    const user = readIndexUser(record);
    const name = typeof record.Name === 'string' ? record.Name : '';
    if (!user) {
      faults.push(`user ${JSON.stringify(name)} is damaged, or its name is no namespace`);
      continue;
    }
    if ((user.id === ADMIN_ID) !== (user.name === 'admin')) {
      faults.push(`user ${JSON.stringify(name)} is not the admin`);
      continue;
    }
    const others = [...users.values()].filter(other => other.id !== user.id);
    if (others.some(other => other.name === user.name)) {
      faults.push(`the name ${user.name} belongs to another user here`);
      continue;
    }
    const applied = users.get(user.id)?.applied ?? { apiKey: null, password: null };
    users.set(user.id, { ...user, applied });
  }
  return { users: [...users.values()], faults };
}

function unreadable(reason: string): DmError {
  const message = `failed to unmarshal into a backup structure: ${reason}`;
  return new DmError('usage', 'BACKUP_UNREADABLE', message);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

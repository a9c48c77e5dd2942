/** A user as etcd holds it: the original's `User` (§3.2) with hashes where it has secrets. */

import { nameFault } from '../model/names.ts';
import { hashKey } from './secrets.ts';
import { isApplied, type KeyHash, type StoredUser } from './state.ts';

/**
 * Before `<salt>:<hash>` where the original has the key in clear; its own keys are base32 and have no
 * colon.
 */
const HASHED = 'sha256:';

export function writeIndexUser(user: StoredUser): Record<string, unknown> {
  return {
    Id: user.id,
    Name: user.name,
    Email: user.email,
    Salt: user.password?.salt ?? '',
    Password: user.password?.key ?? '',
    ApiKey: user.apiKey ? `${HASHED}${user.apiKey.salt}:${user.apiKey.hash}` : '',
    Metadata: user.metadata,
    // Ours: without it a key that was reset would fall back to the metadata's when the state file is lost.
    ...(user.applied.apiKey || user.applied.password ? { Applied: user.applied } : {}),
  };
}

/** Undefined when the record is damaged. A key in clear, of the original, is hashed here and never kept. */
export function readIndexUser(record: Record<string, unknown>): StoredUser | undefined {
  const {
    Id: id,
    Name: name,
    Email: email,
    Salt: salt,
    Password: key,
    ApiKey: apiKey,
    Metadata: more,
    Applied: applied,
  } = record;
  if (typeof id !== 'string' || id === '' || typeof name !== 'string' || nameFault('namespace', name)) {
    return undefined;
  }
  const hasPassword = typeof salt === 'string' && typeof key === 'string' && salt !== '' && key !== '';
  return {
    id,
    name,
    email: typeof email === 'string' ? email : '',
    metadata: readMetadata(more),
    apiKey: typeof apiKey === 'string' && apiKey !== '' ? readKey(apiKey) : null,
    password: hasPassword ? { salt, key } : null,
    applied: isApplied(applied) ? applied : { apiKey: null, password: null },
  };
}

function readKey(text: string): KeyHash {
  const match = /^sha256:([0-9a-f]+):([0-9a-f]{64})$/.exec(text);
  return match ? { salt: match[1] ?? '', hash: match[2] ?? '' } : hashKey(text);
}

function readMetadata(value: unknown): Record<string, string> | null {
  if (typeof value !== 'object' || value === null) return null;
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}

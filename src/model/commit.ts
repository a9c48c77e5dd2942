/** Commits: their ids, their metadata and the two forms in which it is stored. Wire reference §3.2, §4.2. */

import { DmError } from '../lib/errors.ts';
import { nameFault } from './names.ts';

/** Texts by key: author, message, timestamp (nanoseconds since 1970, 19 digits), and what the user gave. */
export type Metadata = Record<string, string>;

/** Takes the place of a random id; no part of the metadata. */
export const ID_KEY = '#commit-id';
const MOST_KEYS = 100;
const LONGEST_VALUE = 64 << 10;
const LONGEST_KEY = 255;
/** Snapshots of the original's diff: never shown, never asked for (§4.1). */
const HIDDEN = 'dotmesh-fastdiff';
/** What ZFS takes for the name of a snapshot and a directory for that of a file, short enough for both. */
const ID_PATTERN = /^[a-zA-Z0-9_.:][-a-zA-Z0-9_.: ]{0,127}$/;
const PROPERTY_PREFIX = 'io.dotmesh:meta-';
const EMPTY = '.';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const isHidden = (snapshot: string): boolean => snapshot.startsWith(HIDDEN);

/**
 * Splits what a client gave into metadata and the id that it wants, undefined when it leaves that to us.
 *
 * @throws DmError usage/INVALID_METADATA (the original's message for a key that begins otherwise), usage/INVALID_NAME
 */
export function readGiven(given: Metadata, message: string): { id: string | undefined; metadata: Metadata } {
  const entries = Object.entries(given).filter(([key]) => key !== ID_KEY);
  if (entries.length > MOST_KEYS) {
    throw invalid(`A commit has at most ${MOST_KEYS} metadata fields, not ${entries.length}.`);
  }
  if (Buffer.byteLength(message) > LONGEST_VALUE) throw invalid('The message is longer than 64 KiB.');
  for (const [key, value] of entries) {
    if (key === '') throw invalid('The name of a metadata field cannot be empty.');
    if (!/^\p{Ll}/u.test(key)) {
      throw invalid(`Metadata field names must start with lowercase characters: ${key}`);
    }
    if (Buffer.byteLength(key) > LONGEST_KEY) {
      throw invalid(`The name of a metadata field is longer than ${LONGEST_KEY} bytes.`);
    }
    if (Buffer.byteLength(value) > LONGEST_VALUE) {
      throw invalid(`The metadata field ${key} is longer than 64 KiB.`);
    }
  }
  const id = Object.hasOwn(given, ID_KEY) ? given[ID_KEY] : undefined;
  if (id !== undefined) checkId(id);
  return { id, metadata: Object.fromEntries(entries) };
}

function checkId(id: string): void {
  const isPath = id === '.' || id === '..';
  if (ID_PATTERN.test(id) && !isPath && !isHidden(id)) return;
  throw new DmError('usage', 'INVALID_NAME', nameFault('snapshot', id) || `invalid snapshot name: ${id}`);
}

function invalid(message: string): DmError {
  return new DmError('usage', 'INVALID_METADATA', message);
}

/** Nanoseconds of a new commit: now, or just after the one before when the clock says less. */
export function timestampAfter(nowMs: number, before: string | undefined): string {
  const now = BigInt(nowMs) * 1_000_000n;
  const last = /^\d{1,19}$/.test(before ?? '') ? BigInt(before ?? 0) : 0n;
  return String(now > last ? now : last + 1n);
}

/** The file's text. */
export function encodeMetadata(metadata: Metadata): string {
  const encoded = Object.entries(metadata).map(([key, value]) => [
    key,
    value === '' ? EMPTY : Buffer.from(value, 'utf8').toString('base64'),
  ]);
  return JSON.stringify(Object.fromEntries(encoded));
}

/** What a file's text says; values that can not be read are left out. Undefined when the text is no object. */
export function decodeMetadata(text: string): Metadata | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
  return decodeAll(Object.entries(raw));
}

/** The older form: user properties of the snapshot. */
export function metadataOfProperties(properties: Readonly<Record<string, string>>): Metadata {
  const ours = Object.entries(properties).filter(([name]) => name.startsWith(PROPERTY_PREFIX));
  return decodeAll(ours.map(([name, value]) => [name.slice(PROPERTY_PREFIX.length), value]));
}

/** Sorted by key, as Go writes maps. */
function decodeAll(entries: readonly (readonly [string, unknown])[]): Metadata {
  const decoded = entries.flatMap(([key, value]) => {
    if (typeof value !== 'string') return [];
    if (value === EMPTY) return [[key, '']];
    return BASE64.test(value) ? [[key, Buffer.from(value, 'base64').toString('utf8')]] : [];
  });
  return Object.fromEntries(decoded.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

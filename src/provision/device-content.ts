/**
 * What a device carries, so that nothing is ever overwritten by mistake: what libblkid recognises (wipefs(8), which
 * lists without acting), ZFS labels, and whether its edges are blank at all. Reading apart from judging.
 */

import { run } from '../system/run.ts';
import type { Label } from '../zfs/index.ts';
import { type Edges, isZero, newestTxg } from './edges.ts';
import { EXPORTED } from './pool-state.ts';
import { isTornTable } from './torn-table.ts';

const WIPEFS_MS = 60_000;

/** One line of `wipefs --json --output TYPE,LABEL,USAGE`. */
export interface Signature {
  /** `ext4`, `gpt`, `LVM2_member`… */
  type: string;
  label: string | null;
  /** `filesystem`, `partition-table`, `raid`, `crypto`, `other`. */
  usage: string | null;
}

export interface Content {
  /** What is there, in words for a message; [] on a blank device. */
  found: string[];
  /** Without those of a transaction group 0, which ZFS itself does not count (libzfs, zpool_read_label). */
  labels: Label[];
  /**
   * What is there is the rest of a creation that was cut off, so there never was data in it: the name of a pool
   * without any transaction group, or ANY_POOL when only a table was begun.
   */
  unborn: string | undefined;
}

/** Not a name that a pool can have. */
export const ANY_POOL = '*';
/** In `found`: there is a trace of a pool, and whose it was is not known. */
export const UNREADABLE_POOL = 'a ZFS pool that can not be read';
export const UNKNOWN_DATA = 'data of an unknown kind';
export const BLANK: Content = { found: [], labels: [], unborn: undefined };

/**
 * Reads one device or file, asking as few programs as it takes: on a machine that boots, each is waited for.
 * @throws what wipefs, `labels` or reading throws; nothing is known then
 */
export async function readContent(
  path: string,
  edges: Edges,
  labelsOf: (path: string) => Promise<Label[]>,
): Promise<Content> {
  // All four labels of a pool lie within the edges.
  const labels = isZero(edges) ? [] : await labelsOf(path);
  const lives = labels.some(label => label.state <= EXPORTED && label.txg !== '0') && newestTxg(edges) > 0n;
  // A pool that lives is not blank, whatever else libblkid may see.
  return judgeContent(lives ? [] : await signaturesOf(path), labels, edges);
}

async function signaturesOf(path: string): Promise<Signature[]> {
  const argv = ['wipefs', '--json', '--no-act', '--output', 'TYPE,LABEL,USAGE', path] as const;
  return parseWipefs((await run(argv, { timeoutMs: WIPEFS_MS })).stdout);
}

/** wipefs prints nothing, or an empty list, for a device without signatures. */
export function parseWipefs(stdout: string): Signature[] {
  if (stdout.trim() === '') return [];
  return (JSON.parse(stdout) as { signatures?: Signature[] }).signatures ?? [];
}

/** Pure. */
export function judgeContent(
  signatures: readonly Signature[],
  labels: readonly Label[],
  edges: Edges,
): Content {
  if (signatures.length === 0 && labels.length === 0 && isZero(edges)) return BLANK;
  const others = signatures.filter(signature => signature.type !== 'zfs_member');
  const unborn = others.length === 0 ? unbornPool(labels, edges) : undefined;
  if (unborn !== undefined)
    return { found: [`the beginnings of the ZFS pool "${unborn}"`], labels: [], unborn };
  if (labels.length === 0 && isTornTable(edges))
    return { found: ['the beginnings of a partition table of ours'], labels: [], unborn: ANY_POOL };
  const live = labels.filter(label => label.txg !== '0');
  const found = [...new Set([...live.map(describeLabel), ...others.map(describeSignature)])];
  if (found.length === 0 && signatures.length > 0) found.push(UNREADABLE_POOL);
  if (found.length === 0) found.push(UNKNOWN_DATA);
  return { found, labels: live, unborn: undefined };
}

/**
 * ZFS writes labels first and an uberblock when a transaction group is complete; every device of a pool gets one when
 * it becomes a part of it. Spares and caches have none, so they prove nothing.
 */
function unbornPool(labels: readonly Label[], edges: Edges): string | undefined {
  const [name, more] = new Set(labels.map(label => label.poolName));
  if (name === undefined || more !== undefined || labels.some(label => label.state > EXPORTED))
    return undefined;
  return newestTxg(edges) === 0n ? name : undefined;
}

function describeLabel(label: Label): string {
  if (label.state === 3) return 'a spare disk of a ZFS pool';
  if (label.state === 4) return 'a cache of a ZFS pool';
  return `${label.state === 2 ? 'a destroyed' : 'the'} ZFS pool "${label.poolName}" (${label.poolGuid})`;
}

export const GPT_WORDS = 'a GPT partition table';
const WORDS: Record<string, string> = {
  gpt: GPT_WORDS,
  PMBR: GPT_WORDS,
  dos: 'an MBR partition table',
  LVM2_member: 'an LVM physical volume',
  linux_raid_member: 'a member of a RAID array',
  crypto_LUKS: 'an encrypted volume (LUKS)',
  swap: 'swap space',
};

function describeSignature({ type, label, usage }: Signature): string {
  const known = WORDS[type];
  if (known !== undefined) return known;
  const kind =
    usage === 'partition-table' ? 'a partition table' : usage === 'filesystem' ? 'a filesystem' : usage;
  return `${kind ?? 'something'} (${type}${label ? `, "${label}"` : ''})`;
}

/**
 * What the product needs from etcd: the contract. `gateway.ts` keeps it over etcd's v3 JSON gateway
 * (HTTP, HTTPS or a UNIX socket), `memory.ts` for unit tests. etcd is an index: ZFS is the truth.
 *
 * Keys and values are text here; the gateway's base64 stays in the keeper.
 *
 * Errors (DmError, kind `services`): ETCD_UNREACHABLE, ETCD_TIMED_OUT, ETCD_REFUSED (data.status)
 */

export interface KeyValue {
  key: string;
  value: string;
}

export type Change = { put: KeyValue } | { delete: string } | { deletePrefix: string };

export interface Etcd {
  /** Everything below a prefix, sorted by key. */
  list(prefix: string): Promise<KeyValue[]>;
  get(key: string): Promise<string | undefined>;
  /** Applies changes in order; batches of at most 100 are atomic each (etcd allows 128 operations in one). */
  apply(changes: readonly Change[]): Promise<void>;
  /** True when a read goes through the cluster (`/v3/kv/range`) within the deadline; never throws. */
  healthy(deadlineMs: number): Promise<boolean>;
  close(): void;
}

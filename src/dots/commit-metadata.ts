/**
 * Metadata of commits, kept once it was read: a commit never changes. By filesystem and commit, since forks carry the
 * same ids.
 */

import { type Metadata, metadataOfProperties } from '../model/commit.ts';
import { readMetadata } from './commit-files.ts';
import type { Context } from './context.ts';
import { ensureMounted } from './mounting.ts';
import type { Entry } from './registry.ts';

/** Characters that are kept of all together; the filesystems asked for longest ago are forgotten first. */
const MOST_KEPT = 128 << 20;

interface Kept {
  commits: Map<string, Metadata>;
  /** Commits without a file: what is known of them may become more with a rollback. */
  bare: Set<string>;
  size: number;
}

export class CommitMetadata {
  readonly #kept = new Map<string, Kept>();
  readonly #most: number;
  #size = 0;

  constructor(most = MOST_KEPT) {
    this.#most = most;
  }

  /** Undefined: it has to be read. */
  known(entry: Entry, commit: string): Metadata | undefined {
    return this.#kept.get(entry.id)?.commits.get(commit);
  }

  remember(entry: Entry, commit: string, metadata: Metadata): void {
    const kept = this.#kept.get(entry.id) ?? { commits: new Map(), bare: new Set(), size: 0 };
    this.#kept.delete(entry.id);
    this.#kept.set(entry.id, kept);
    const size = sizeOf(commit, metadata) - sizeOf(commit, kept.commits.get(commit));
    kept.commits.set(commit, metadata);
    kept.size += size;
    this.#size += size;
    for (const [id, { size: theirs }] of this.#kept) {
      if (this.#size <= this.#most || id === entry.id) break;
      this.#kept.delete(id);
      this.#size -= theirs;
    }
  }

  /** After these commits are gone. */
  forget(entry: Entry, commits: readonly string[]): void {
    const kept = this.#kept.get(entry.id);
    if (!kept) return;
    for (const commit of [...commits, ...kept.bare]) {
      const size = sizeOf(commit, kept.commits.get(commit));
      kept.commits.delete(commit);
      kept.bare.delete(commit);
      kept.size -= size;
      this.#size -= size;
    }
  }

  /** The filesystem is gone. */
  forgetAll(entry: Entry): void {
    this.#size -= this.#kept.get(entry.id)?.size ?? 0;
    this.#kept.delete(entry.id);
  }

  /**
   * Of commits of this filesystem, in their order. Call it from the filesystem's queue. Files of the live mount; the older
   * form, properties, is asked for when a commit has no file: whoever writes a file writes all that there is into it.
   *
   * @throws DmError of ZFS's, when it has to be mounted and can not be
   */
  async read(context: Context, entry: Entry, commits: readonly string[]): Promise<Metadata[]> {
    const there = new Set(entry.commits);
    const unknown = commits.filter(commit => there.has(commit) && !this.known(entry, commit));
    if (unknown.length > 0) {
      const found = await readMetadata(await ensureMounted(context, entry), unknown);
      const bare = unknown.filter(commit => !found.has(commit));
      const properties = bare.length > 0 ? await propertiesOf(context, entry) : new Map();
      for (const commit of unknown) {
        this.remember(entry, commit, found.get(commit) ?? metadataOfProperties(properties.get(commit) ?? {}));
      }
      for (const commit of bare) this.#kept.get(entry.id)?.bare.add(commit);
    }
    return commits.map(commit => this.known(entry, commit) ?? {});
  }
}

async function propertiesOf(
  { zfs }: Context,
  { dataset }: Entry,
): Promise<ReadonlyMap<string, Record<string, string>>> {
  const snapshots = await zfs.snapshots(dataset, { depth: 0, metadata: true });
  return new Map(snapshots.map(({ id, properties }) => [id, properties]));
}

function sizeOf(commit: string, metadata: Metadata | undefined): number {
  if (!metadata) return 0;
  return Object.entries(metadata).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    commit.length,
  );
}

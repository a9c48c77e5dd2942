/** Which dots and branches there are, in memory: rebuilt from ZFS at each start, changed after ZFS was. */

import { DmError } from '../lib/errors.ts';
import type { Tag } from '../model/tags.ts';
import type { BranchRef, DotRef } from '../wire/methods.ts';

/** One filesystem that is a dot's master or one of its branches. */
export interface Entry {
  /** The id of the RPC. */
  id: string;
  /** Its full dataset name; its last component is the id unless someone renamed it (`reconcile.ts`). */
  dataset: string;
  /** Where ZFS would mount it now; set right when it is mounted. */
  mountpoint: string;
  /** Id of the dot, that is of its master. */
  dot: string;
  namespace: string;
  name: string;
  /** '' is master. */
  branch: string;
  origin: { filesystemId: string; snapshotId: string } | undefined;
  fork: { id: string; commit: string } | undefined;
  /** Ids of its own commits, oldest first. None: its creation was cut. */
  commits: readonly string[];
  /** Tags by commit of its own. */
  tags: ReadonlyMap<string, readonly Tag[]>;
  /** The mark of a rollback that is over could not be taken away: no commit before that, which it would undo. */
  marked?: boolean;
  /** Its deletion was decided and could be neither finished nor taken back: it is not mounted any more. */
  deleting?: boolean;
}

export class Registry {
  #byId = new Map<string, Entry>();
  #masters = new Map<string, Entry>();
  #branches = new Map<string, Map<string, Entry>>();

  replace(entries: readonly Entry[]): void {
    this.#byId = new Map();
    this.#masters = new Map();
    this.#branches = new Map();
    for (const entry of entries) this.put(entry);
  }

  put(entry: Entry): void {
    this.#byId.set(entry.id, entry);
    if (entry.branch === '') {
      this.#masters.set(fullName(entry), entry);
      return;
    }
    const branches = this.#branches.get(entry.dot) ?? new Map<string, Entry>();
    this.#branches.set(entry.dot, branches.set(entry.branch, entry));
  }

  remove(entry: Entry): void {
    if (this.#byId.get(entry.id)?.dataset !== entry.dataset) return;
    this.#byId.delete(entry.id);
    if (entry.branch !== '') this.#branches.get(entry.dot)?.delete(entry.branch);
    else if (this.#masters.get(fullName(entry))?.id === entry.id) this.#masters.delete(fullName(entry));
  }

  all(): Entry[] {
    return [...this.#byId.values()];
  }

  masters(): Entry[] {
    return [...this.#masters.values()];
  }

  byId(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  master({ Namespace, Name }: DotRef): Entry | undefined {
    return this.#masters.get(fullName({ namespace: Namespace, name: Name }));
  }

  /** Undefined when there is no such dot or branch. */
  find(ref: BranchRef): Entry | undefined {
    const master = this.master(ref);
    if (!master || !ref.Branch) return master;
    return this.#branches.get(master.dot)?.get(ref.Branch);
  }

  /** Master and branches of one dot. */
  ofDot(dot: string): Entry[] {
    return this.all().filter(entry => entry.dot === dot);
  }

  /** @throws DmError dot/DOT_MISSING, dot/BRANCH_MISSING in the original's words (§2 E-nofs, E-nobranch) */
  get(ref: BranchRef): Entry {
    const master = this.master(ref);
    if (!master) throw dotMissing(ref);
    const found = this.find(ref);
    if (found) return found;
    const none = (this.#branches.get(master.dot)?.size ?? 0) === 0;
    const start = none ? 'No clones at all, let alone' : 'No clone';
    const message = `${start} named '${ref.Branch}' for filesystem id '${master.id}'`;
    throw new DmError('dot', 'BRANCH_MISSING', message);
  }
}

/** In the original's words: §2 E-nofs. */
export function dotMissing({ Namespace, Name }: DotRef): DmError {
  return new DmError('dot', 'DOT_MISSING', `No such filesystem named '${Namespace}/${Name}'`);
}

export function fullName({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

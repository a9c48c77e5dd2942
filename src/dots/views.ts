/**
 * Commits mounted read-only at `<MOUNT_PREFIX>/dmfs/<id>@<commit>` (§4.3): a bounded number, taken away when nobody
 * asked for them for a while, before their filesystem is destroyed or rolled back, and when the server stops.
 */

import { asDmError, DmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { until } from '../lib/retry.ts';
import { dotsRoot, viewsRoot } from '../model/layout.ts';
import type { SnapshotMount, Zfs } from '../zfs/index.ts';
import type { Queues } from './queue.ts';
import { idKey } from './queue.ts';
import type { Entry } from './registry.ts';

const MOST = 16;
const IDLE_MS = 600_000;
const LOOK_EVERY_MS = 60_000;
/** What reads a view has that long to end when its filesystem is to be destroyed. */
const PATIENCE_MS = 10_000;

interface View {
  /** Id of its filesystem. */
  id: string;
  mount: SnapshotMount;
  /** Work of ours that reads it. */
  readers: number;
  askedAt: number;
}

export interface ViewsOptions {
  zfs: Zfs;
  pool: string;
  queues: Queues;
  /** Path of a filesystem's mount by its id: `context.ts`. */
  rootOf: (id: string) => string;
  log: Log;
  /** How many at most. Default 16. */
  most?: number;
}

export class Views {
  readonly #options: ViewsOptions;
  readonly #views = new Map<string, View>();
  /** Mounting and unmounting: one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ViewsOptions) {
    this.#options = options;
  }

  /** Takes away what an earlier server left. */
  async start(): Promise<void> {
    const { zfs, pool, log } = this.#options;
    try {
      for (const mount of await zfs.snapshotMounts(dotsRoot(pool), viewsRoot(pool))) {
        await zfs.unmountSnapshot(mount);
      }
    } catch (error) {
      log.warn({ reason: asDmError(error).message }, 'a mounted commit of an earlier server stays');
    }
  }

  /**
   * Mounts a commit of `entry` and gives the path; it stays until nobody uses or asks for it any more.
   *
   * @throws DmError mount/TOO_MANY_VIEWS, and of ZFS's
   */
  async open(entry: Entry, commit: string): Promise<string> {
    return (await this.#get(entry, commit)).mount.mountpoint;
  }

  /** Runs `read` with the path of a mounted commit, which stays meanwhile. */
  async use<T>(entry: Entry, commit: string, read: (root: string) => Promise<T>): Promise<T> {
    const view = await this.#get(entry, commit, 1);
    try {
      return await read(view.mount.mountpoint);
    } finally {
      view.readers--;
      view.askedAt = performance.now();
    }
  }

  /**
   * Takes away all commits of one filesystem, before it is destroyed or rolled back: call it from its queue.
   *
   * @throws DmError zfs/DATASET_BUSY
   */
  async release(id: string): Promise<void> {
    const ours = () => [...this.#views].filter(([, view]) => view.id === id);
    if (ours().length === 0) return;
    await until(() => ours().every(([, { readers }]) => readers === 0), { deadlineMs: PATIENCE_MS });
    await this.#serial(async () => {
      for (const [key, view] of ours()) await this.#drop(key, view);
    });
  }

  /** Takes all away that nobody holds busy. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#serial(() => this.#sweep(() => true));
  }

  #get(entry: Entry, commit: string, readers = 0): Promise<View> {
    const { zfs, pool, queues, rootOf } = this.#options;
    const key = `${entry.id}@${commit}`;
    return queues.run(idKey(entry.id), () =>
      this.#serial(async () => {
        const found = this.#views.get(key);
        if (!found) await this.#makeRoom();
        const mount = found?.mount ?? {
          snapshot: `${entry.dataset}@${commit}`,
          mountpoint: `${rootOf(entry.id)}@${commit}`,
          clone: `${viewsRoot(pool)}/${entry.id}:${commit}`,
        };
        await zfs.mountSnapshot(mount);
        const view = found ?? { id: entry.id, mount, readers: 0, askedAt: 0 };
        view.readers += readers;
        view.askedAt = performance.now();
        this.#views.set(key, view);
        this.#timer ??= setInterval(() => this.#tidy(), LOOK_EVERY_MS).unref();
        return view;
      }),
    );
  }

  /** The one that was asked for longest ago goes first; those that a client's processes use stay. */
  async #makeRoom(): Promise<void> {
    const { most = MOST } = this.#options;
    if (this.#views.size < most) return;
    const idle = [...this.#views]
      .filter(([, { readers }]) => readers === 0)
      .sort(([, a], [, b]) => a.askedAt - b.askedAt);
    for (const [key, view] of idle) {
      if (
        await this.#drop(key, view).then(
          () => true,
          () => false,
        )
      )
        return;
    }
    throw new DmError('mount', 'TOO_MANY_VIEWS', `${most} commits are mounted and all of them are in use.`, {
      hint: 'Close what has files of them open, and try again.',
    });
  }

  #tidy(): void {
    const before = performance.now() - IDLE_MS;
    void this.#serial(() => this.#sweep(({ askedAt }) => askedAt < before));
  }

  async #sweep(isMeant: (view: View) => boolean): Promise<void> {
    for (const [key, view] of [...this.#views]) {
      if (view.readers > 0 || !isMeant(view)) continue;
      await this.#drop(key, view).catch(error => {
        const reason = asDmError(error).message;
        this.#options.log.debug({ commit: view.mount.snapshot, reason }, 'a mounted commit stays');
      });
    }
  }

  async #drop(key: string, view: View): Promise<void> {
    await this.#options.zfs.unmountSnapshot(view.mount);
    this.#views.delete(key);
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/**
 * Noticing what happens to filesystems behind our back: sizes are asked of all of them, so they also tell
 * who is there.
 */

import type { KeyValue } from '../etcd/index.ts';
import { asDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { dotsRoot } from '../model/layout.ts';
import type { Filesystem, Size, Zfs } from '../zfs/index.ts';
import type { Queues } from './queue.ts';
import { type Plan, reconcile } from './reconcile.ts';
import { fullName, type Registry } from './registry.ts';

export interface SurveyOptions {
  zfs: Zfs;
  pool: string;
  nodeId: string;
  registry: Registry;
  queues: Queues;
  log: Log;
  /** Called when the registry was made right again. */
  onChange: () => Promise<void>;
}

export class Survey {
  readonly #options: SurveyOptions;
  /** Filesystems that were seen and are not in the registry. */
  #leftAlone: ReadonlySet<string> = new Set();
  readonly #said = new Set<string>();

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /** Takes over what a reconciliation found, and says once what is to be said. */
  adopt(filesystems: readonly Filesystem[], plan: Plan): void {
    const { registry, pool, log } = this.#options;
    registry.replace(plan.entries);
    const listed = new Set(plan.entries.map(entry => entry.dataset));
    const names = filesystems.map(filesystem => filesystem.name);
    this.#leftAlone = new Set(names.filter(name => isBelow(pool, name) && !listed.has(name)));
    for (const warning of plan.warnings) {
      if (!this.#said.has(warning)) log.warn(warning);
      this.#said.add(warning);
    }
  }

  /**
   * Sizes of all filesystems. When they are of others than those known, and no operation of ours explains
   * it, the pool is looked at anew.
   */
  async sizes(): Promise<Map<string, Size>> {
    const { zfs, pool, queues } = this.#options;
    const mark = queues.quietMark();
    const sizes = await zfs.sizes(dotsRoot(pool));
    if (mark !== undefined && mark === queues.quietMark() && this.#differ(sizes)) await this.look();
    return sizes;
  }

  #differ(sizes: ReadonlyMap<string, Size>): boolean {
    const { registry, pool } = this.#options;
    const expected = new Set([...this.#leftAlone, ...registry.all().map(entry => entry.dataset)]);
    const found = new Set([...sizes.keys()].filter(name => isBelow(pool, name)));
    return found.size !== expected.size || [...found].some(name => !expected.has(name));
  }

  /**
   * Looks at the pool anew. `names`: records of an index, for filesystems that their properties do not name.
   *
   * @returns false when an operation of ours came between: the next look is as good
   */
  async look(names?: { values: readonly KeyValue[]; of: string }): Promise<boolean> {
    const { zfs, pool, nodeId, registry, queues, log, onChange } = this.#options;
    const mark = queues.quietMark();
    const { filesystems, snapshots } = await zfs.everything(dotsRoot(pool));
    if (mark === undefined || mark !== queues.quietMark()) return false;
    const before = new Map(registry.all().map(entry => [entry.id, entry]));
    const world = { pool, nodeId, filesystems, snapshots, values: names?.values, of: names?.of };
    const plan = reconcile(world);
    // A deletion that could be neither finished nor taken back: who wants to finish it has to see it.
    plan.entries.push(...plan.remove.flat().map(entry => ({ ...entry, deleting: true })));
    this.adopt(filesystems, plan);
    for (const entry of plan.entries) {
      const old = before.get(entry.id);
      before.delete(entry.id);
      const facts = { dot: fullName(entry), branch: entry.branch, dataset: entry.dataset };
      if (!old && names) log.info(facts, `a dot is listed that ${names.of} has the name of`);
      else if (!old) log.warn(facts, 'a dot appeared behind our back');
      else if (old.dataset !== entry.dataset) {
        log.warn({ ...facts, before: old.dataset }, 'a dataset was renamed behind our back');
      }
    }
    for (const { dataset, branch, ...name } of before.values()) {
      log.warn({ dot: fullName(name), branch, dataset }, 'a dataset was destroyed behind our back');
    }
    await setProperties(zfs, plan, log);
    await onChange();
    return true;
  }
}

/** What can't be written now is wanted again at the next start. */
export async function setProperties(zfs: Zfs, { properties }: Plan, log: Log): Promise<void> {
  for (const one of properties) {
    try {
      await zfs.set(one.dataset, one.properties);
      await zfs.inherit(one.dataset, one.inherit);
    } catch (error) {
      log.error({ dataset: one.dataset, reason: asDmError(error).message }, 'its properties can not be set');
    }
  }
}

const isBelow = (pool: string, name: string) => name.startsWith(`${dotsRoot(pool)}/`);

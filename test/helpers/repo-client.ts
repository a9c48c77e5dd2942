/** A client of one dot, which does one thing after the other and knows what should be there. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext } from 'ava';
import { Repo } from '../zfs/suites/commits/repo.ts';
import { randomFor, SEED } from './random.ts';
import {
  branchOf,
  checkedOutAs,
  historyOf,
  leavesOf,
  newModel,
  type RepoModel,
  rolledBack,
  viewOf,
  withBranch,
  withCommit,
  withName,
  withoutBranch,
  withTag,
  withText,
} from './repo-model.ts';
import type { ServerBed } from './server-bed.ts';

/** More are deleted: each mount costs zfs-fuse time. */
const MOST_BRANCHES = 4;

export class RepoClient {
  readonly repo: Repo;
  model: RepoModel;
  /** What is there if the call that was cut has done its work. */
  pending: RepoModel | undefined;
  what = '';
  calls = 0;
  #count = 0;
  readonly #random: () => number;

  private constructor(repo: Repo, initial: string) {
    this.repo = repo;
    this.model = newModel(initial);
    this.#random = randomFor(`client ${repo.name}`);
  }

  static async make(bed: ServerBed, name: string): Promise<RepoClient> {
    const repo = await Repo.make(bed, name);
    return new RepoClient(repo, (await repo.commits())[0]?.Id ?? '');
  }

  /** Until the server is killed. */
  async work(isAlive: () => boolean): Promise<void> {
    while (isAlive()) {
      try {
        await this.step();
      } catch (error) {
        if (isAlive()) throw error;
        return;
      }
    }
  }

  /** Something that a client may do, chosen at random. */
  async step(): Promise<void> {
    const { repo, model } = this;
    const name = this.#pick(Object.keys(model.branches));
    const commit = this.#pick(historyOf(model, name)).id;
    const own = branchOf(model, name).commits.map(({ id }) => id);
    const leaves = leavesOf(model);
    const label = `n${++this.#count}`;
    const choice = this.#random();
    if (choice < 0.45) {
      await writeFile(join(await repo.path(name), 'file'), label);
      this.model = withText(model, name, label);
      this.what = `commit ${label} on ${name}`;
      const id = `${repo.name}-${label}`;
      await this.#call(withCommit(this.model, name, id), () =>
        repo.commit(label, name, { '#commit-id': id }),
      );
    } else if (choice < 0.6 && Object.keys(model.branches).length <= MOST_BRANCHES) {
      this.what = `branch ${label} of ${name} at ${commit}`;
      await this.#call(withBranch(model, name, commit, label), () => repo.grow(label, commit, name));
    } else if (choice < 0.75 && own.length > 0) {
      const target = this.#pick(own.slice(-4));
      this.what = `rollback of ${name} to ${target}`;
      await this.#call(rolledBack(model, name, target), async () => {
        const error = await repo.back(target, { Branch: name });
        if (error !== '') throw new Error(error);
      });
    } else if (choice < 0.85) {
      this.what = `tag of ${commit}`;
      const ref = { ...repo.ref(name), CommitId: commit, Tag: 'moving' };
      await this.#call(withTag(model, 'moving', commit), () => repo.bed.admin('Tag', ref));
    } else if (choice < 0.92 && leaves.length > 0) {
      const leaf = this.#pick(leaves);
      this.what = `deletion of ${leaf}`;
      await this.#call(withoutBranch(model, leaf), () => repo.bed.admin('DeleteBranch', repo.ref(leaf)));
    } else if (choice < 0.96) {
      this.what = `checkout of ${name}`;
      await this.#call(checkedOutAs(model, name), () => repo.checkOut(name));
    } else if (name !== '') {
      this.what = `renaming of ${name} to ${label}`;
      const params = { ...repo.ref(name), NewBranchName: label };
      await this.#call(withName(model, name, label), () => repo.bed.admin('RenameBranch', params));
    }
  }

  async #call(after: RepoModel, call: () => Promise<unknown>): Promise<void> {
    this.pending = after;
    await call();
    this.calls++;
    this.model = after;
    this.pending = undefined;
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.#random() * from.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }

  /** Compares what is there with what should be, and goes on from that. */
  async check(t: ExecutionContext, round: number): Promise<void> {
    const names = ['', ...(await this.repo.bed.admin<string[]>('Branches', this.repo.dot))];
    const found: unknown[] = [];
    for (const name of names.sort()) {
      const history = (await this.repo.history(name)).map(({ Id, Tags }) => [Id, Tags]);
      const files = await this.repo.files(name);
      found.push({ name, text: files.length > 0 ? await this.repo.read('file', name) : '', history });
    }
    found.push({ shown: await readFile(join(await this.repo.shown(), 'file'), 'utf8').catch(() => '') });
    const candidates = [this.model, ...(this.pending ? [this.pending] : [])];
    const fits = candidates.find(candidate => isDeepStrictEqual(viewOf(candidate), found));
    const about = `SEED=${SEED}, round ${round}, ${this.repo.name}: ${this.what}`;
    if (!fits) t.deepEqual(found, viewOf(this.model) as typeof found, about);
    else t.pass();
    this.model = fits ?? this.model;
    this.pending = undefined;
  }
}

/** One dot of a server, by what a client can ask. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { HistoryCommit, Methods, RollbackLosses, Snapshot } from '../../../../src/wire/methods.ts';
import type { ServerBed } from '../../../helpers/server-bed.ts';

export class Repo {
  readonly bed: ServerBed;
  readonly name: string;

  private constructor(bed: ServerBed, name: string) {
    this.bed = bed;
    this.name = name;
  }

  static async make(bed: ServerBed, name: string): Promise<Repo> {
    const { error } = await bed.create(name);
    if (error !== undefined) throw new Error(error);
    return new Repo(bed, name);
  }

  get dot() {
    return { Namespace: 'admin', Name: this.name };
  }

  ref(branch = '') {
    return { ...this.dot, Branch: branch };
  }

  id(branch = ''): Promise<string> {
    return this.bed.admin('Lookup', this.ref(branch));
  }

  /** The directory of the branch's default subdot, mounted. */
  async path(branch = ''): Promise<string> {
    const name = `${this.name}@${branch || 'master'}`;
    return this.bed.admin('Procure', { ...this.dot, Name: name, Subdot: '__default__' });
  }

  /** The same of what is checked out. */
  async shown(): Promise<string> {
    return this.bed.admin('Procure', { ...this.dot, Subdot: '__default__' });
  }

  checkOut(branch: string): Promise<unknown> {
    return this.bed.admin('Checkout', { ...this.ref(branch), Force: false });
  }

  async write(file: string, text: string, branch = ''): Promise<void> {
    await writeFile(`${await this.path(branch)}/${file}`, text);
  }

  async read(file: string, branch = ''): Promise<string> {
    return readFile(`${await this.path(branch)}/${file}`, 'utf8');
  }

  async files(branch = ''): Promise<string[]> {
    return (await readdir(await this.path(branch))).sort();
  }

  commit(message: string, branch = '', metadata: Record<string, string> | null = null): Promise<string> {
    return this.bed.admin('Commit', { ...this.ref(branch), Message: message, Metadata: metadata });
  }

  commits(branch = ''): Promise<Snapshot[]> {
    return this.bed.admin('Commits', this.ref(branch));
  }

  history(branch = ''): Promise<HistoryCommit[]> {
    return this.bed.admin('History', this.ref(branch));
  }

  /** Messages of the history. */
  async log(branch = ''): Promise<(string | undefined)[]> {
    return (await this.history(branch)).map(({ Metadata }) => Metadata.message);
  }

  grow(name: string, commit = '', source = 'master'): Promise<unknown> {
    const params = { SourceBranch: source, NewBranchName: name, SourceCommitId: commit };
    return this.bed.admin('Branch', { ...this.dot, ...params });
  }

  tag(Tag: string, CommitId: string): Promise<unknown> {
    return this.bed.admin('Tag', { ...this.ref(), CommitId, Tag });
  }

  preview(commit: string, branch = ''): Promise<RollbackLosses> {
    return this.bed.admin('PreviewRollback', { ...this.ref(branch), SnapshotId: commit });
  }

  /** The error's message, or ''. */
  async back(commit: string, more: Partial<Methods['Rollback']['params']> = {}): Promise<string> {
    const params = { ...this.ref(), SnapshotId: commit, ...more };
    return (await this.bed.call('Rollback', params, { over: 'socket' })).error ?? '';
  }
}

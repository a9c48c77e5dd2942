/**
 * state.json on the pool: read at start, replaced as a whole after each change, set aside when it can't be
 * read.
 */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { asDmError, DmError, errno } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { readState, type State } from './state.ts';

/** Replaces a file as a whole or not at all, also over a power cut. */
export type WriteAtomic = (path: string, data: string, options: { mode: number }) => Promise<void>;

export interface StateStore {
  /** What is on the disk. */
  readonly state: State;
  /**
   * One change after the other; `state` is the new one once it is on the disk. What it throws changed
   * nothing.
   *
   * @throws DmError services/STATE_UNWRITABLE
   */
  change(edit: (state: State) => State): Promise<void>;
  /** Writes this state, also when it is the one that is held: a first file. */
  write(state: State): Promise<void>;
}

const FILE = 'state.json';
const OWNER_ONLY = 0o600;

/**
 * `found` is undefined when there was no file that could be read: users are then to be found elsewhere.
 *
 * @throws DmError services/STATE_TOO_NEW, services/STATE_UNREADABLE (the disk does not give it)
 */
export async function openState(
  directory: string,
  writeAtomic: WriteAtomic,
  log: Log,
): Promise<{ found: State | undefined; keep(initial: State): StateStore }> {
  const path = join(directory, FILE);
  const found = await findState(path, log);
  return { found, keep: initial => keepState(path, initial, writeAtomic) };
}

async function findState(path: string, log: Log): Promise<State | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    const message = `The server's state in ${path} can not be read (${errno(error) ?? String(error)}).`;
    throw new DmError('services', 'STATE_UNREADABLE', message, { cause: error });
  }
  const reading = readState(text);
  if ('state' in reading) return reading.state;
  if ('newer' in reading) {
    const message = `${path} was written by a newer dotmesh-server (form ${reading.newer}) than this one.`;
    throw new DmError('services', 'STATE_TOO_NEW', message, { hint: 'Start the newer dotmesh-server.' });
  }
  const aside = `${path}.${new Date().toISOString().replace(/[:.]/g, '-')}.unreadable`;
  await rename(path, aside);
  log.warn(
    { path, aside, reason: reading.unreadable },
    'state.json can not be read: it is set aside, and users and mounts are taken from etcd',
  );
  return undefined;
}

function keepState(path: string, initial: State, writeAtomic: WriteAtomic): StateStore {
  let state = initial;
  let last: Promise<unknown> = Promise.resolve();

  async function replace(next: State): Promise<void> {
    try {
      await writeAtomic(path, `${JSON.stringify(next)}\n`, { mode: OWNER_ONLY });
    } catch (error) {
      const message = `${path} can not be written (${errno(error) ?? asDmError(error).message}).`;
      throw new DmError('services', 'STATE_UNWRITABLE', message, { cause: error });
    }
    state = next;
  }

  function queued(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  return {
    get state() {
      return state;
    },
    change: edit =>
      queued(async () => {
        const next = edit(state);
        if (next !== state) await replace(next);
      }),
    write: next => queued(() => replace(next)),
  };
}

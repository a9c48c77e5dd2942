/** Tags: names for commits, unique in a dot, kept with the snapshots. Tagging writes nothing into the dot. */

import { DmError } from '../lib/errors.ts';
import { TAGS } from '../model/layout.ts';
import { newNameFault } from '../model/names.ts';
import { formatTags, type Tag } from '../model/tags.ts';
import type { Context } from './context.ts';
import { ownerOfCommit } from './history.ts';
import type { Commits } from './index.ts';
import type { Entry } from './registry.ts';
import { type Place, placesIn, tagsAt } from './tag-places.ts';
import { findFor, inDot } from './turn.ts';

/** `zfs` takes no longer value. */
const LONGEST_VALUE = 8191;
/** Words that name commits by themselves. */
const RESERVED = /^HEAD$/i;

export function createTags(context: Context): Pick<Commits, 'tag' | 'untag'> {
  return {
    async tag(caller, { CommitId, Tag: name, ...ref }) {
      findFor(caller, context, ref);
      checkTag(name);
      await inDot(context, ref, async () => {
        const entry = findFor(caller, context, ref);
        const owner = ownerOfCommit(context.registry, entry, CommitId);
        const before = placesOf(context, entry.dot, name);
        const since = rising(before.map(({ tag }) => tag.since));
        const isSame = (place: Place) => place.entry === owner && place.commit === CommitId;
        const others = tagsAt(owner, CommitId).filter(tag => tag.name !== name);
        await write(context, owner, CommitId, [...others, { name, since }]);
        // From here on the tag is there: at the old place it is the older one.
        for (const place of before.filter(one => !isSame(one))) await take(context, place);
      });
    },
    async untag(caller, { Tag: name, ...dot }) {
      const ref = { ...dot, Branch: '' };
      findFor(caller, context, ref);
      await inDot(context, ref, async () => {
        const places = placesOf(context, findFor(caller, context, ref).dot, name);
        if (places.length === 0) {
          throw new DmError('dot', 'TAG_MISSING', `There is no tag ${name} in ${dot.Namespace}/${dot.Name}.`);
        }
        for (const place of places) await take(context, place);
      });
    },
  };
}

/** Where in the dot a tag is, the oldest first: more than one place is left by a move that was cut. */
function placesOf({ registry }: Context, dot: string, name: string): Place[] {
  return placesIn(registry.ofDot(dot)).filter(({ tag }) => tag.name === name);
}

function rising(before: readonly bigint[]): bigint {
  const now = BigInt(Date.now()) * 1_000_000n;
  const last = before.at(-1) ?? 0n;
  return now > last ? now : last + 1n;
}

async function take(context: Context, { entry, commit, tag }: Place): Promise<void> {
  const left = tagsAt(entry, commit).filter(one => one.name !== tag.name);
  await write(context, entry, commit, left);
}

async function write(context: Context, entry: Entry, commit: string, tags: readonly Tag[]): Promise<void> {
  const value = formatTags(tags);
  if (value.length > LONGEST_VALUE) {
    throw new DmError('usage', 'TOO_MANY_TAGS', `The commit ${commit} has as many tags as it can have.`);
  }
  const snapshot = `${entry.dataset}@${commit}`;
  if (value === '') await context.zfs.inherit(snapshot, [TAGS]);
  else await context.zfs.set(snapshot, { [TAGS]: value });
  const others = [...entry.tags].filter(([id]) => id !== commit);
  entry.tags = new Map([...others, ...(tags.length > 0 ? [[commit, tags] as const] : [])]);
}

function checkTag(name: string): void {
  const fault = name === '' ? 'tag cannot be empty' : newNameFault('branch', name).replace('branch', 'tag');
  const text =
    fault || (RESERVED.test(name) ? `"${name}" names a commit already: no tag can be called so.` : '');
  if (text !== '') throw new DmError('usage', 'INVALID_NAME', text);
}

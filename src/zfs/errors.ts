/**
 * What ZFS says on stderr, as our errors. This is the only place that reads its sentences; they differ between
 * OpenZFS and zfs-fuse, and both stand in test/fixtures/zfs. Words that are unknown become ZFS_FAILED as they are.
 */

import { DmError, type Kind } from '../lib/errors.ts';

interface Rule {
  words: RegExp;
  kind: Kind;
  code: string;
  say: (about: string) => string;
  hint?: string;
}

const RULES: readonly Rule[] = [
  {
    words: /permission denied|must be root|operation not permitted/i,
    kind: 'zfs',
    code: 'ZFS_DENIED',
    say: about => `ZFS does not let us work on ${about}.`,
    hint: 'Run this as root.',
  },
  {
    words:
      /zfs-fuse daemon is running|modules? (cannot|are not|is not)|modprobe zfs|initialize ZFS library|\/dev\/zfs/,
    kind: 'zfs',
    code: 'ZFS_MISSING',
    say: () => 'The zfs command is there, but no ZFS answers it.',
    hint: 'Load the kernel module (modprobe zfs), or start zfs-fuse.',
  },
  {
    words:
      /dataset does not exist|snapshot does not exist|could not find any snapshots|parent does not exist|could not send .*does not exist/,
    kind: 'zfs',
    code: 'DATASET_MISSING',
    say: about => `There is no ${about}, or what it should lie in is missing.`,
  },
  { words: /no such pool/, kind: 'pool', code: 'POOL_MISSING', say: about => `There is no pool ${about}.` },
  {
    words: /dataset already exists|\bexists\s+must specify -F/,
    kind: 'zfs',
    code: 'DATASET_EXISTS',
    say: about => `${about} exists already.`,
  },
  {
    words: /has dependent clones|has children|clones of previous snapshots exist/,
    kind: 'zfs',
    code: 'DATASET_HAS_DEPENDENTS',
    say: about => `${about} can not be destroyed: other datasets depend on it.`,
  },
  {
    words: /out of space|no space left|quota exceeded|size is greater than available/i,
    kind: 'zfs',
    code: 'NO_SPACE',
    say: about => `There is no space for this on ${about}.`,
    hint: 'Delete dots or snapshots that nobody needs, or add a device to the pool.',
  },
  {
    words: /directory is not empty/,
    kind: 'zfs',
    code: 'MOUNTPOINT_TAKEN',
    say: about => `${about} can not be mounted: there are files at its mountpoint.`,
  },
  {
    // zfs-fuse's fuse_listener.c: MAX_FILESYSTEMS; the log says "filesystem limit reached", the command only this.
    words: /make sure the FUSE module is loaded/i,
    kind: 'zfs',
    code: 'MOUNTS_EXHAUSTED',
    say: about => `zfs-fuse does not mount ${about}: it mounts 1,000 filesystems at most.`,
    hint: 'Delete dots that nobody needs, or use a kernel with the ZFS module; fewer mounted: see that /dev/fuse works.',
  },
  { words: /\bbusy\b/, kind: 'zfs', code: 'DATASET_BUSY', say: about => `${about} is in use.` },
];

/** Lines that are no complaint: zfs-fuse tells on stderr which block size it takes. */
const CHATTER = /^Defaulting to 4K blocksize/;

/** The error of a `zfs`, `zpool` or `zdb` command about a dataset, pool or device, as one of the contract. */
export function zfsError(error: DmError, about: string): DmError {
  if (error.code === 'COMMAND_MISSING') {
    return new DmError('zfs', 'ZFS_MISSING', 'ZFS is not installed: there is no zfs command.', {
      hint: 'Install zfsutils-linux with its kernel module, or zfs-fuse.',
      cause: error,
    });
  }
  if (error.code === 'COMMAND_TIMED_OUT') {
    return new DmError('zfs', 'ZFS_HUNG', `ZFS hangs: ${error.message}`, {
      hint: 'See dmesg and "zpool status"; a ZFS that hangs needs a restart of zfs-fuse or of the machine.',
      data: { about },
      cause: error,
    });
  }
  if (error.code !== 'COMMAND_FAILED') return error;
  const said = wordsOf(error);
  const rule = RULES.find(each => each.words.test(said));
  const data = { about, said };
  if (!rule) return new DmError('zfs', 'ZFS_FAILED', said, { data, cause: error });
  const hint = rule.hint === undefined ? {} : { hint: rule.hint };
  return new DmError(rule.kind, rule.code, rule.say(about), { ...hint, data, cause: error });
}

/** What the command complained about, in one line. */
function wordsOf(error: DmError): string {
  const text = String(error.data.stderr ?? '').trim() || String(error.data.stdout ?? '').trim();
  const said = text.split('\n').filter(line => !CHATTER.test(line));
  const usage = said.findIndex(line => line.startsWith('usage:'));
  const kept = usage > 0 ? said.slice(0, usage) : said;
  return (
    kept
      .map(line => line.trim())
      .join(' ')
      .trim() || error.message
  );
}

/** ZFS's own words in an error that came from `zfsError`. */
export function saidIn(error: DmError): string {
  return String(error.data.said ?? error.message);
}

/**
 * The client's configuration: which servers there are, which one is current, and each one's current dot and
 * branch. The rules only; profile-file.ts reads and writes. Members as in the original (CLI reference
 * §1.3): scripts read them. Members that we do not know are kept wherever they stand.
 */

import { DmError } from '../lib/errors.ts';
import { DEFAULT_NAMESPACE, type DotName, formatDotName, MASTER } from '../model/names.ts';
import type { DotRef } from '../wire/methods.ts';

export interface Remote {
  User: string;
  Hostname: string;
  /** Absent or 0: found by asking. */
  Port?: number;
  ApiKey: string;
  /** As `formatDotName` writes it; '' when none is chosen. */
  CurrentVolume: string;
  CurrentBranches: Record<string, string> | null;
  /** Of this remote as a peer: local namespace, local dot, the dot over there. */
  DefaultRemoteVolumes: Record<string, Record<string, DotRef>> | null;
}

export interface S3Remote {
  KeyID: string;
  SecretKey: string;
}

export interface Profile {
  CurrentRemote: string;
  Remotes: Record<string, Remote>;
  S3Remotes: Record<string, S3Remote>;
}

export const EMPTY_PROFILE: Profile = { CurrentRemote: '', Remotes: {}, S3Remotes: {} };

/** @throws DmError usage/NO_SUCH_REMOTE */
export function remoteNamed(profile: Profile, name: string): Remote {
  const remote = own(profile.Remotes, name);
  if (remote) return remote;
  if (own(profile.S3Remotes, name)) {
    throw new DmError('usage', 'S3_REMOTE', `'${name}' is an S3 remote, which cannot be the current remote.`);
  }
  throw new DmError('usage', 'NO_SUCH_REMOTE', `No such remote '${name}'.`, {
    hint: "See 'dm remote -v' for the remotes there are, and 'dm remote add' for a new one.",
  });
}

/** @throws DmError usage/REMOTE_EXISTS: servers and S3 share their names */
export function refuseTakenName(profile: Profile, name: string): void {
  if (own(profile.Remotes, name) || own(profile.S3Remotes, name)) {
    throw new DmError('usage', 'REMOTE_EXISTS', `Remote exists: '${name}'.`);
  }
}

/** With a remote more; it becomes current only when there was no current one. */
export function withRemote(profile: Profile, name: string, remote: Remote): Profile {
  refuseTakenName(profile, name);
  return {
    ...profile,
    CurrentRemote: profile.CurrentRemote || name,
    Remotes: { ...profile.Remotes, [name]: remote },
  };
}

/** Without that remote, server or S3. @throws DmError usage/NO_SUCH_REMOTE */
export function withoutRemote(profile: Profile, name: string): Profile {
  if (!own(profile.S3Remotes, name)) remoteNamed(profile, name);
  return {
    ...profile,
    CurrentRemote: profile.CurrentRemote === name ? '' : profile.CurrentRemote,
    Remotes: without(profile.Remotes, name),
    S3Remotes: without(profile.S3Remotes, name),
  };
}

/** @throws DmError usage/NO_SUCH_REMOTE, usage/S3_REMOTE */
export function withCurrentRemote(profile: Profile, name: string): Profile {
  remoteNamed(profile, name);
  return { ...profile, CurrentRemote: name };
}

/** The current dot of a remote as it is displayed, or ''. */
export function currentDot(remote: Remote): string {
  return displayed(remote.CurrentVolume);
}

export function withCurrentDot(profile: Profile, remoteName: string, dot: DotName): Profile {
  return change(profile, remoteName, remote => ({ ...remote, CurrentVolume: formatDotName(dot) }));
}

/** The branch that is checked out of a dot; older files know a dot of admin under both spellings. */
export function currentBranch(remote: Remote, dot: DotName): string {
  const branches = remote.CurrentBranches ?? {};
  return own(branches, formatDotName(dot)) || own(branches, `${dot.namespace}/${dot.name}`) || MASTER;
}

/** That branch of the dot is the one that is checked out. */
export function withCurrentBranch(
  profile: Profile,
  remoteName: string,
  dot: DotName,
  branch: string,
): Profile {
  return change(profile, remoteName, remote => ({
    ...remote,
    CurrentBranches: {
      ...without(remote.CurrentBranches ?? {}, `${dot.namespace}/${dot.name}`),
      [formatDotName(dot)]: branch,
    },
  }));
}

/** A renamed dot keeps its branch, stays current, and tracks what it tracked. */
export function withRenamedDot(profile: Profile, remoteName: string, from: DotName, to: DotName): Profile {
  const remote = remoteNamed(profile, remoteName);
  const branch = currentBranch(remote, from);
  const current = currentDot(remote) === formatDotName(from);
  const gone = withoutDot(profile, remoteName, from);
  const chosen = current ? withCurrentDot(gone, remoteName, to) : gone;
  const renamed = branch === MASTER ? chosen : withCurrentBranch(chosen, remoteName, to, branch);
  return {
    ...renamed,
    Remotes: Object.fromEntries(
      Object.entries(renamed.Remotes).map(([name, peer]) => [name, withRenamedUpstream(peer, from, to)]),
    ),
  };
}

function withRenamedUpstream(peer: Remote, from: DotName, to: DotName): Remote {
  const upstreams = peer.DefaultRemoteVolumes ?? {};
  const tracked = own(own(upstreams, from.namespace) ?? {}, from.name);
  if (!tracked) return peer;
  const rest = { ...upstreams, [from.namespace]: without(own(upstreams, from.namespace) ?? {}, from.name) };
  return {
    ...peer,
    DefaultRemoteVolumes: { ...rest, [to.namespace]: { ...own(rest, to.namespace), [to.name]: tracked } },
  };
}

/** With another key. */
export function withApiKey(profile: Profile, remoteName: string, apiKey: string): Profile {
  return change(profile, remoteName, remote => ({ ...remote, ApiKey: apiKey }));
}

/**
 * A deleted dot is neither current nor has it a branch. What peers track for it stays, as in the original.
 */
export function withoutDot(profile: Profile, remoteName: string, dot: DotName): Profile {
  const shown = formatDotName(dot);
  return change(profile, remoteName, remote => ({
    ...remote,
    CurrentVolume: currentDot(remote) === shown ? '' : remote.CurrentVolume,
    CurrentBranches:
      remote.CurrentBranches &&
      without(without(remote.CurrentBranches, shown), `${dot.namespace}/${dot.name}`),
  }));
}

/** What a dot tracks, per server remote, sorted by remote. */
export function upstreamsOf(profile: Profile, dot: DotName): { remote: string; dot: DotRef }[] {
  return Object.keys(profile.Remotes)
    .sort()
    .flatMap(remote => {
      const map = own(profile.Remotes, remote)?.DefaultRemoteVolumes ?? {};
      const found = own(own(map, dot.namespace) ?? {}, dot.name);
      return found ? [{ remote, dot: found }] : [];
    });
}

function displayed(dot: string): string {
  const prefix = `${DEFAULT_NAMESPACE}/`;
  return dot.startsWith(prefix) ? dot.slice(prefix.length) : dot;
}

function change(profile: Profile, name: string, how: (remote: Remote) => Remote): Profile {
  return { ...profile, Remotes: { ...profile.Remotes, [name]: how(remoteNamed(profile, name)) } };
}

/** A member by name that is not `constructor` or another heirloom of Object. */
function own<T>(record: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function without<T>(record: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}

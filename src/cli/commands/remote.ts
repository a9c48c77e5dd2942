/** `dm remote`: servers and S3 remotes, sorted by name. Keys are never shown. CLI reference §1.6. */

import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import type { Profile } from '../profile.ts';

export async function run({ flags, print, profile: file }: Context): Promise<void> {
  const profile = file.read();
  const remotes = remotesOf(profile);
  if (flags.has('json')) return print(`${JSON.stringify(remotes)}\n`);
  for (const { name, current, ...rest } of remotes) {
    const account = rest.kind === 's3' ? rest.keyId : `${rest.user}@${rest.host}`;
    const details = `${current ? '* ' : '  '}${printable(name)}\t${printable(account)}`;
    print(`${flags.has('verbose') ? details : printable(name)}\n`);
  }
}

function remotesOf({ CurrentRemote, Remotes, S3Remotes }: Profile) {
  const servers = Object.entries(Remotes).map(([name, remote]) => ({
    name,
    kind: 'dotmesh' as const,
    current: name === CurrentRemote,
    user: remote.User,
    host: remote.Hostname,
    port: remote.Port || null,
  }));
  const buckets = Object.entries(S3Remotes).map(([name, { KeyID }]) => ({
    name,
    kind: 's3' as const,
    current: false,
    keyId: KeyID,
  }));
  return [...servers, ...buckets].sort((a, b) => (a.name < b.name ? -1 : 1));
}

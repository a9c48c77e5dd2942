/**
 * `dm remote add NAME USER@HOST[:PORT]`: a server is stored only after it answered with these credentials.
 */

import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { type Remote, refuseTakenName, withRemote } from '../profile.ts';
import { checkRemoteName, parseRemoteAddress } from '../remote-address.ts';
import { askForSecret } from '../secret.ts';
import { show } from '../show.ts';

const PING_TIMEOUT_MS = 20_000;

export async function run(context: Context): Promise<void> {
  const [name = '', address = ''] = context.args;
  checkRemoteName(name);
  const { user, host, port } = parseRemoteAddress(address);
  // Before the question for the key, and once more under the lock.
  const before = context.profile.read();
  refuseTakenName(before, name);
  const remote: Remote = {
    User: user,
    Hostname: host,
    ...(port ? { Port: port } : {}),
    ApiKey: await askForSecret(context, {
      prompt: 'API key',
      variables: ['DOTMESH_PASSWORD', 'DOTMESH_API_KEY'],
    }),
    CurrentVolume: '',
    CurrentBranches: null,
    DefaultRemoteVolumes: null,
  };
  const client = await context.connectTo(remote);
  await client.call('Ping', null, { timeoutMs: PING_TIMEOUT_MS });
  let first = false;
  await context.profile.update(profile => {
    first = profile.CurrentRemote === '';
    return withRemote(profile, name, remote);
  });
  const switched = first ? `Switched to ${printable(name)}, the first remote.\n` : '';
  show(context, {
    json: { name, user, host, port: port || null, current: first },
    text: `Remote added.\n${switched}`,
  });
}

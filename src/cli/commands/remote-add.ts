/**
 * `dm remote add NAME USER@HOST[:PORT]`: a server is stored only after it answered with these credentials.
 */

import { printable } from '../../model/names.ts';
import { askForApiKey } from '../api-key.ts';
import type { Context } from '../command.ts';
import { type Remote, refuseTakenName, withRemote } from '../profile.ts';
import { checkRemoteName, parseRemoteAddress } from '../remote-address.ts';

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
    ApiKey: await askForApiKey(context),
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
  context.print('Remote added.\n');
  if (first) context.print(`Switched to ${printable(name)}, the first remote.\n`);
}

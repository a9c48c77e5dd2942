/**
 * `dm key reset`: a new API key for the user of the remote, kept in the configuration. The server gives one only to
 * who comes with the password. The key is not printed.
 */

import type { Context } from '../command.ts';
import { withApiKey } from '../profile.ts';
import { askForSecret } from '../secret.ts';
import { show } from '../show.ts';

export async function run(context: Context): Promise<void> {
  const { name, remote } = await context.connect(context.profile.read());
  const password = await askForSecret(context, {
    prompt: `Password of ${remote.User}`,
    variables: ['DOTMESH_PASSWORD'],
  });
  const client = await context.connectTo({ ...remote, ApiKey: password });
  const { ApiKey } = await client.call('ResetApiKey', null);
  await context.profile.update(profile => withApiKey(profile, name, ApiKey));
  show(context, {
    json: { remote: name, user: remote.User, reset: true },
    text: 'The API key was replaced, and the new one is stored.\n',
  });
}

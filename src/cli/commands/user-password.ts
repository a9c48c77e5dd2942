/** `dm user password [NAME]`: one's own, or as admin that of another user. Silent on success. */

import type { Context } from '../command.ts';
import { askForSecret } from '../secret.ts';
import { show } from '../show.ts';
import { shownUser } from '../users.ts';

export async function run(context: Context): Promise<void> {
  const [name] = context.args;
  const { client } = await context.connect(context.profile.read());
  const user = name === undefined ? undefined : await client.call('UserFromName', { Name: name });
  const NewPassword = await askForSecret(context, {
    prompt: 'New password',
    variables: ['DOTMESH_NEW_PASSWORD'],
  });
  const changed = user
    ? await client.call('UpdateUserPassword', { Id: user.Id, NewPassword })
    : await client.call('UpdatePassword', { NewPassword });
  show(context, { json: shownUser(changed) });
}

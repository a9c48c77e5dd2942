/** `dm user add NAME EMAIL`: prints the id of the new user. */

import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { askForSecret } from '../secret.ts';
import { show } from '../show.ts';
import { shownUser } from '../users.ts';

export async function run(context: Context): Promise<void> {
  const [name = '', email = ''] = context.args;
  const { client } = await context.connect(context.profile.read());
  const password = await askForSecret(context, {
    prompt: `Password for ${printable(name)}`,
    variables: ['DOTMESH_NEW_PASSWORD'],
  });
  const user = await client.call('RegisterNewUser', { Name: name, Email: email, Password: password });
  show(context, { json: shownUser(user), fields: [[user.Id]], text: `${printable(user.Id)}\n` });
}

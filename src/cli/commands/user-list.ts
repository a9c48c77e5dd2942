/** `dm user list`: all users, sorted by name. */

import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { formatTable } from '../print.ts';
import { show } from '../show.ts';
import { shownUser } from '../users.ts';

export async function run(context: Context): Promise<void> {
  const { client } = await context.connect(context.profile.read());
  const users = (await client.call('ListUsers', null)).map(shownUser);
  show(context, {
    json: users,
    fields: users.map(({ name, id, email }) => [name, id, email]),
    text: formatTable(
      ['USER', 'ID', 'EMAIL'],
      users.map(({ name, id, email }) => [printable(name), printable(id), printable(email)]),
    ),
  });
}

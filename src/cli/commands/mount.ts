/** `dm mount DOT MOUNTPOINT`: a link to the files of a dot, on the server's own machine. CLI reference §1.11. */

import { lstat, stat, symlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DmError, errno, isDmError } from '../../lib/errors.ts';
import { DEFAULT_SUBDOT, printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { parseDotName, shownName } from '../dots.ts';
import { oneLine } from '../print.ts';
import { show } from '../show.ts';

/** Milliseconds: the dot may have to be made, or to move to that server. */
const TIMEOUT_MS = 120_000;

export async function run(context: Context): Promise<void> {
  const [text = '', place = ''] = context.args;
  const dot = parseDotName(text);
  const mountpoint = resolve(place);
  await refuseTaken(mountpoint);
  const { client, name } = await context.connect(context.profile.read());
  const ref = { Namespace: dot.namespace, Name: dot.name };
  if (!context.flags.has('create')) {
    await client.call('Lookup', { ...ref, Branch: '' }).catch(error => {
      if (!isDmError(error, 'RPC_ERROR') || !error.message.includes('No such filesystem')) throw error;
      throw new DmError('dot', 'NO_SUCH_DOT', `Dot ${shownName(dot)} does not exist.`, {
        hint: `'dm mount --create ${shownName(dot)} ${printable(place)}' creates it.`,
        cause: error,
      });
    });
  }
  const path = await client.call('Procure', { ...ref, Subdot: DEFAULT_SUBDOT }, { timeoutMs: TIMEOUT_MS });
  await refuseElsewhere(path, name);
  await symlink(path, mountpoint).catch(error => {
    throw new DmError(
      'mount',
      'NO_LINK',
      `The link ${printable(mountpoint)} can not be made (${errno(error)}).`,
      { cause: error },
    );
  });
  show(context, {
    json: { ...dot, path, mountpoint },
    fields: [[path, mountpoint]],
    text: `procured dot: ${oneLine(path)}\nsymlinked dot: ${oneLine(mountpoint)}\n`,
  });
}

async function refuseTaken(mountpoint: string): Promise<void> {
  const taken = await lstat(mountpoint).catch(() => undefined);
  if (!taken) return;
  throw new DmError('mount', 'MOUNTPOINT_TAKEN', `There is something at ${printable(mountpoint)} already.`, {
    hint: 'Remove it, or choose another path.',
  });
}

/** A link to a path of another machine would lead nowhere. */
async function refuseElsewhere(path: string, remote: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) return;
  throw new DmError(
    'mount',
    'OTHER_MACHINE',
    `The server '${printable(remote)}' has the files at ${printable(path)}, which is not there on this machine.`,
    { hint: "'dm mount' works on the server's own machine, as a user who may read that path." },
  );
}

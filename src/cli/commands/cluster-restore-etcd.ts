/** `dm cluster restore-etcd`: the text that backup-etcd printed, from standard input. Silent. CLI reference §1.12. */

import { DmError } from '../../lib/errors.ts';
import type { Context } from '../command.ts';
import { readAll } from '../input.ts';
import { show } from '../show.ts';

const TIMEOUT_MS = 120_000;

export async function run(context: Context): Promise<void> {
  const dump = await readAll(context.io.stdin);
  if (!isJsonObject(dump)) {
    throw new DmError('usage', 'NO_BACKUP', 'Standard input is no backup: it is not a JSON object.', {
      hint: "'dm cluster backup-etcd > FILE' makes one, 'dm cluster restore-etcd < FILE' reads it.",
    });
  }
  const { client } = await context.connect(context.profile.read());
  await client.call('RestoreEtcd', { Prefix: '', Dump: dump }, { timeoutMs: TIMEOUT_MS });
  show(context, { json: { restored: true } });
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

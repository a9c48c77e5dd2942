/** `dm cluster backup-etcd`: users and registry as JSON. CLI reference §1.12. */

import type { Context } from '../command.ts';

const TIMEOUT_MS = 120_000;

export async function run(context: Context): Promise<void> {
  const { client } = await context.connect(context.profile.read());
  const backup = await client.call('DumpEtcd', { Prefix: '' }, { timeoutMs: TIMEOUT_MS });
  context.print(`${typeof backup === 'string' ? backup : JSON.stringify(backup)}\n`);
}

/** `dm version`: ours at once, then the server's. CLI reference §1.11. */

import { VERSION } from '../../lib/version.ts';
import type { VersionInfo } from '../../wire/methods.ts';
import type { Context } from '../command.ts';
import { remoteLine } from '../dots.ts';
import { oneLine } from '../print.ts';

/** Milliseconds: scripts poll this command. */
const TIMEOUT_MS = 20_000;

export async function run(context: Context): Promise<void> {
  const profile = context.profile.read();
  const json = context.flags.has('json');
  if (!json) context.print(`${remoteLine(profile.CurrentRemote)}Client:\n\tVersion: ${VERSION}\n`);
  // A machine without any server is no failure.
  const server = profile.CurrentRemote === '' ? undefined : await ask(context);
  if (json) context.print(`${JSON.stringify(asJson(profile.CurrentRemote, server))}\n`);
  else if (server) context.print(`Server:\n${serverLines(server)}`);
  else context.note("No current remote, so no server was asked. See 'dm remote add'.");
}

async function ask(context: Context): Promise<VersionInfo> {
  const { client } = await context.connect(context.profile.read());
  return client.call('Version', null, { timeoutMs: TIMEOUT_MS });
}

function serverLines(server: VersionInfo): string {
  const lines = [`Version: ${word(server.installed_version)}`];
  if (server.outdated === true) {
    lines.push('Upgrade available!', `Latest version: ${word(server.current_version)}`);
    if (server.project_website) lines.push(`See ${oneLine(String(server.project_website))}`);
  }
  return lines.map(line => `\t${line}\n`).join('');
}

/** A version as one word; a server that does not know its own says `unknown`, never `uninitialized`. */
function word(version: unknown): string {
  const text = oneLine(String(version ?? '')).replace(/\s+/g, '-');
  return text === '' || text === 'uninitialized' ? 'unknown' : text;
}

function asJson(remote: string, server: VersionInfo | undefined) {
  return {
    remote: remote || null,
    client: { version: VERSION },
    server: server
      ? {
          version: word(server.installed_version),
          latest: server.current_version || null,
          outdated: server.outdated === true,
        }
      : null,
  };
}

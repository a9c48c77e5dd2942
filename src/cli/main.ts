/** The `dm` client: one command from its arguments to its exit code. CLI reference §1.1. */

import { asDmError, type DmError, isDmError } from '../lib/errors.ts';
import type { RpcClient } from '../remote/rpc-client.ts';
import { type Request, readArguments } from './arguments.ts';
import type { Context, Io } from './command.ts';
import { type Output, output } from './output.ts';
import { oneLine } from './print.ts';
import { type Remote, remoteNamed } from './profile.ts';
import { configPath, profileFile } from './profile-file.ts';

/**
 * Codes of the original: 255 for what the parser refuses and for a configuration folder that can not be
 * made.
 */
const EXIT_USAGE = 255;
const EXIT_FAILURE = 1;
const PARSER_CODES = new Set([
  'UNKNOWN_COMMAND',
  'UNKNOWN_FLAG',
  'MISSING_VALUE',
  'REPEATED_FLAG',
  'BAD_BOOLEAN',
]);

/** Milliseconds for a call, unless its command says otherwise. */
const CALL_TIMEOUT_MS = 60_000;

/** Runs `dm` with `argv` (without node and script); resolves to the exit code and never rejects. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const out = output(() => io.stdout);
  const err = output(() => io.stderr);
  let code = 0;
  try {
    await perform(readArguments(argv), io, out, err);
    await out.flush();
  } catch (error) {
    code = await report(asDmError(error), err);
  }
  // Where standard error can not be written there is nobody left to tell.
  await Promise.allSettled([out.flush(), err.flush()]);
  return code;
}

async function perform(request: Request, io: Io, out: Output, err: Output): Promise<void> {
  if (request.do === 'help') {
    const { helpText } = await import('./help.ts');
    out.write(helpText(request.topic));
    return;
  }
  const { command, args, flags, values, lists } = request;
  const clients: RpcClient[] = [];
  const trace = flags.has('verbose') && command.name !== 'remote' ? tracer(out) : undefined;
  const connectTo = async (remote: Remote) => {
    const { createRpcClient } = await import('../remote/rpc-client.ts');
    const { Hostname: host, Port: port, User: user, ApiKey: apiKey } = remote;
    const client = createRpcClient({ host, port, user, apiKey }, { timeoutMs: CALL_TIMEOUT_MS, trace });
    clients.push(client);
    return client;
  };
  const context: Context = {
    io,
    args,
    flags,
    values,
    lists,
    profile: profileFile(configPath(values.get('config'), io.env)),
    print: text => out.write(text),
    ask: text => (flags.has('json') || flags.has('scripting') ? err : out).write(text),
    note: line => err.write(`${oneLine(line)}\n`),
    connect: async profile => {
      const name = values.get('remote') ?? profile.CurrentRemote;
      const remote = remoteNamed(profile, name);
      return { name, remote, client: await connectTo(remote) };
    },
    connectTo,
  };
  try {
    const { run } = await command.load();
    await run(context);
  } finally {
    for (const client of clients) client.close();
  }
}

function tracer(out: Output): (what: 'request' | 'response', text: string) => void {
  const titles = { request: 'Request', response: 'Response' };
  return (what, text) => out.write(`${titles[what]}:\n${oneLine(text)}\n`);
}

/** One line on standard error; what the parser refused is followed by how to get help. */
async function report(error: DmError, err: Output): Promise<number> {
  const { adviceAbout } = await import('./advice.ts');
  const { message, hint } = adviceAbout(error);
  const sentence = oneLine(message);
  err.write(hint ? `${sentence}${/[.!?:]$/.test(sentence) ? '' : '.'} ${oneLine(hint)}\n` : `${sentence}\n`);
  const refused = error.kind === 'usage' && PARSER_CODES.has(error.code);
  if (refused) err.write(`Usage: dm COMMAND [ARGUMENTS] [FLAGS], see 'dm help'.\n`);
  return refused || isDmError(error, 'CONFIG_FOLDER') ? EXIT_USAGE : EXIT_FAILURE;
}

/**
 * The door of dm-linuxkit: builds the adapters, starts one command, passes signals on, ends with an exit
 * code.
 */

import { createGateway } from '../etcd/gateway.ts';
import { DmError, isDmError } from '../lib/errors.ts';
import { exitCodeOf, explain } from '../lib/exit-codes.ts';
import { createLog } from '../lib/log.ts';
import { VERSION } from '../lib/version.ts';
import { refuseCommandLine, runBootStep } from '../provision/boot-step.ts';
import type { Adapters, Context } from '../provision/context.ts';
import { runDaemon } from '../provision/daemon.ts';
import { helpText } from '../provision/flags.ts';
import { printMetadata } from '../provision/metadata.ts';
import { type Command, type LogChoice, parseCommand } from '../provision/options.ts';
import { salvage } from '../provision/salvage.ts';
import { stop } from '../provision/stop.ts';
import { createRpcClient } from '../remote/rpc-client.ts';
import { leave } from '../system/leave.ts';
import { connectZfs } from '../zfs/command-line.ts';
import { probeFiles } from '../zfs/probe.ts';

const NAME = 'dm-linuxkit';

async function main(argv: readonly string[]): Promise<void> {
  const command = understood(argv);
  if (command instanceof Error) return refuse(command, argv);
  if (command.kind === 'help') return void process.stdout.write(helpText());
  if (command.kind === 'version') return void process.stdout.write(`${NAME} ${VERSION}\n`);
  if (command.kind === 'metadata')
    return printMetadata(command.options, {
      write: text => void process.stdout.write(text),
      warn: sentence => void process.stderr.write(`${NAME}: ${sentence}\n`),
      isTerminal: process.stdout.isTTY === true,
    });
  const context = contextFor(command.options.log);
  if (command.kind === 'stop') return stop(command.options, context);
  return command.options.mode === 'daemon'
    ? runDaemon(command.options, context)
    : runBootStep(command.options, context);
}

/** The command, or what is wrong with it. */
function understood(argv: readonly string[]): Command | DmError {
  try {
    return parseCommand(argv);
  } catch (error) {
    if (isDmError(error)) return error;
    throw error;
  }
}

async function refuse(fault: DmError, argv: readonly string[]): Promise<never> {
  const read = salvage(argv);
  if (!read) throw fault;
  return refuseCommandLine(fault, read, contextFor({ level: 'info', format: 'text' }));
}

function contextFor({ level, format }: LogChoice): Context {
  const log = createLog({ name: NAME, level, format });
  // People read it on a console, where the lines of all onboot containers stand below each other.
  const tell = (sentence: string) =>
    format === 'json' ? log.info(sentence) : void process.stdout.write(`${NAME}: ${sentence}\n`);
  const relay = (line: string) => void process.stderr.write(`${line}\n`);
  const adapters: Adapters = {
    connectZfs: () => connectZfs({ log }),
    connectEtcd: socket => createGateway({ endpoint: `unix://${socket}` }),
    connectServer: socketPath => createRpcClient({ socketPath }),
    probeFiles,
    program: process.argv[1] ?? NAME,
  };
  return { adapters, log, tell, relay, interrupted: interruption() };
}

/**
 * SIGINT and SIGTERM ask for an orderly end; asking again changes nothing, since every step has a deadline.
 */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () =>
      controller.abort(
        new DmError('interrupted', 'INTERRUPTED', `Ended by ${name}; what was started is stopped.`),
      ),
    );
  return controller.signal;
}

function fail(error: unknown): void {
  process.stderr.write(`${NAME}: ${explain(error)}\n`);
  void leave(exitCodeOf(error));
}

// Node itself would print the line of the bundle in which it happened: all of the program.
process.on('uncaughtException', fail);
main(process.argv.slice(2)).then(() => leave(0), fail);

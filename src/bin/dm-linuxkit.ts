/**
 * The door of dm-linuxkit: builds the adapters, starts one command, passes signals on, ends with an exit
 * code.
 */

import { output } from '../cli/output.ts';
import { createGateway } from '../etcd/gateway.ts';
import { asDmError, DmError, isDmError } from '../lib/errors.ts';
import { exitCodeOf, explain } from '../lib/exit-codes.ts';
import { createLog } from '../lib/log.ts';
import { VERSION } from '../lib/version.ts';
import { refuseCommandLine, runBootStep } from '../provision/boot-step.ts';
import type { Adapters, Context } from '../provision/context.ts';
import { runDaemon } from '../provision/daemon.ts';
import { helpText } from '../provision/flags.ts';
import { printMetadata } from '../provision/metadata.ts';
import { type Command, type LogChoice, parseCommand } from '../provision/options.ts';
import { salvage, salvageLogFormat } from '../provision/salvage.ts';
import { stop } from '../provision/stop.ts';
import { unmountDot } from '../provision/unmount.ts';
import { createRpcClient } from '../remote/rpc-client.ts';
import { leave } from '../system/leave.ts';
import { patientWriter } from '../system/standard-streams.ts';
import { connectZfs } from '../zfs/command-line.ts';
import { probeFiles } from '../zfs/probe.ts';

const NAME = 'dm-linuxkit';
const ARGUMENTS = process.argv.slice(2);
/** Read beforehand: a command line that can not be followed is told in it as well. */
const FORMAT = salvageLogFormat(ARGUMENTS);
/** Whether anybody reads it or not: a daemon does not end with the reader of its log. */
const complain = patientWriter(process.stderr);

async function main(argv: readonly string[]): Promise<void> {
  const command = understood(argv);
  if (command instanceof Error) return refuse(command, argv);
  if (command.kind === 'help') return print(out => out(helpText()));
  if (command.kind === 'version') return print(out => out(`${NAME} ${VERSION}\n`));
  if (command.kind === 'metadata')
    return print(write =>
      printMetadata(command.options, {
        write,
        warn: sentence => complain(`${NAME}: ${sentence}\n`),
        isTerminal: process.stdout.isTTY === true,
      }),
    );
  const context = contextFor(command.options.log);
  if (command.kind === 'stop') return stop(command.options, context);
  if (command.kind === 'unmount') return unmountDot(command.options, context);
  return command.options.mode === 'daemon'
    ? runDaemon(command.options, context)
    : runBootStep(command.options, context);
}

/** What was asked for on standard output: when it can not be written, that is a failure. */
async function print(work: (write: (text: string) => void) => Promise<void> | void): Promise<void> {
  const out = output(() => process.stdout);
  await work(text => out.write(text));
  await out.flush();
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
  return refuseCommandLine(fault, read, contextFor({ level: 'info', format: FORMAT }));
}

function contextFor({ level, format }: LogChoice): Context {
  const log = createLog({ name: NAME, level, format, destination: { write: complain } });
  const announce = patientWriter(process.stdout);
  // People read it on a console, where the lines of all onboot containers stand below each other.
  const tell = (sentence: string) =>
    format === 'json' ? log.info(sentence) : announce(`${NAME}: ${sentence}\n`);
  const relay = (line: string) => complain(`${line}\n`);
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

/** The last line: also with --log-level=silent, where it is all that is said. */
function fail(error: unknown): void {
  const exitCode = exitCodeOf(error);
  if (FORMAT === 'text') complain(`${NAME}: ${explain(error)}\n`);
  else {
    const { kind, code, hint, message } = asDmError(error);
    const destination = { write: complain };
    createLog({ name: NAME, level: 'error', format: FORMAT, destination }).error(
      { kind, code, exitCode, hint },
      message,
    );
  }
  void leave(exitCode);
}

// Node itself would print the line of the bundle in which it happened: all of the program.
process.on('uncaughtException', fail);
main(ARGUMENTS).then(() => leave(0), fail);

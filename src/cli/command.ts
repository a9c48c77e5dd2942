/** What a command is, and what it gets to work with. */

import type { Readable, Writable } from 'node:stream';
import type { FlagSpec } from '../lib/flags.ts';
import type { RpcClient } from '../remote/rpc-client.ts';
import type { Profile, Remote } from './profile.ts';
import type { ProfileFile } from './profile-file.ts';

/** Standard input: raw mode is there on a terminal only. */
export interface Input extends Readable {
  isTTY?: boolean;
  setRawMode?: (raw: boolean) => unknown;
}

/** The outside world of one run of dm. */
export interface Io {
  stdin: Input;
  stdout: Writable & { isTTY?: boolean };
  stderr: Writable;
  env: Record<string, string | undefined>;
}

export interface Connection {
  name: string;
  remote: Remote;
  client: RpcClient;
}

export interface Context {
  io: Io;
  /** As many as the command's `args` allow. */
  args: string[];
  /** Long names of the flags that are set. */
  flags: ReadonlySet<string>;
  /** Values of the flags that have one, by their long names. */
  values: ReadonlyMap<string, string>;
  /** Values of the flags that may be repeated. */
  lists: ReadonlyMap<string, string[]>;
  profile: ProfileFile;
  /** Writes to standard output as it is. */
  print(text: string): void;
  /** A question, without a newline: on standard error where standard output is for a program. */
  ask(text: string): void;
  /** One line on standard error, for what is no result and no failure. */
  note(line: string): void;
  /** To the remote of --remote, else the current one of `profile`. Nothing is sent yet. @throws DmError usage/NO_SUCH_REMOTE */
  connect(profile: Profile): Promise<Connection>;
  /** To any server. */
  connectTo(remote: Remote): Promise<RpcClient>;
}

/** What an argument is, for completion: what the shell does by itself is left to it. */
export type Completion = 'dot' | 'branch' | 'commit' | 'tag' | 'remote' | 'shell' | 'file' | 'text';

/** What a command works on, hence which of --remote, --dot and --branch it has. */
export type Scope = 'nothing' | 'remote' | 'dot' | 'branch';

export interface Command {
  /** `list`, or with its group `dot show`. */
  name: string;
  alias?: string;
  /** What follows the name in the help. */
  usage: string;
  summary: string;
  /** Command lines for the help, without `dm`. */
  examples: string[];
  scope: Scope;
  /** Those of its own; arguments.ts has the others. */
  flags: FlagSpec[];
  /** What each argument is; `atLeast` of them must be there, more are refused. `ignoreMore`: not refused. */
  args: { names: string[]; atLeast: number; ignoreMore?: boolean; completes?: Completion[] };
  /** Not in the help. */
  hidden?: true;
  /** Loaded only when asked for. */
  load(): Promise<{ run(context: Context): Promise<void> }>;
}

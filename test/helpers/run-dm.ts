/** Runs `main` of the dm client with streams in memory and a home directory of its own. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { Input } from '../../src/cli/command.ts';
import { main } from '../../src/cli/main.ts';

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

export interface RunOptions {
  /** Pieces of standard input. */
  input?: string[];
  stdin?: Input;
  env?: Record<string, string>;
}

export interface Home {
  config: string;
  dm(argv: string[], options?: RunOptions): Promise<Outcome>;
  read(): Record<string, unknown>;
  write(config: unknown): void;
  remove(): void;
}

export function makeHome(): Home {
  const home = mkdtempSync(join(tmpdir(), 'dm-cli-'));
  const config = join(home, '.dotmesh', 'config');
  return {
    config,
    dm: (argv, options = {}) => runDm(argv, home, options),
    read: () => JSON.parse(readFileSync(config, 'utf8')),
    write(value) {
      mkdirSync(join(home, '.dotmesh'), { recursive: true, mode: 0o700 });
      writeFileSync(config, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 });
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

async function runDm(
  argv: string[],
  home: string,
  { input = [], stdin, env = {} }: RunOptions,
): Promise<Outcome> {
  const out = collector();
  const err = collector();
  const code = await main(argv, {
    stdin: stdin ?? Readable.from(input.map(piece => Buffer.from(piece))),
    stdout: out.stream,
    stderr: err.stream,
    env: { HOME: home, ...env },
  });
  return { code, out: out.text(), err: err.text() };
}

function collector() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}

/** A configuration with one remote, `local`, at a port of 127.0.0.1. */
export function configFor(port: number, more: Record<string, unknown> = {}) {
  return {
    CurrentRemote: 'local',
    Remotes: {
      local: {
        User: 'admin',
        Hostname: '127.0.0.1',
        Port: port,
        ApiKey: 'key',
        CurrentVolume: '',
        CurrentBranches: null,
        DefaultRemoteVolumes: null,
        ...more,
      },
    },
    S3Remotes: {},
  };
}

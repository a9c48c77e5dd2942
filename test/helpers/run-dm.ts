/** Runs the dm client with a home directory of its own: its `main` with streams in memory, or the built program. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { Input } from '../../src/cli/command.ts';
import { main } from '../../src/cli/main.ts';
import { DIST, NODE } from './server-bed.ts';

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
  /** `dist/dm` as a child. */
  built(argv: string[], options?: { input?: string; env?: Record<string, string> }): Promise<Outcome>;
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
    built: (argv, { input = '', env = {} } = {}) =>
      runChild([NODE, join(DIST, 'dm'), ...argv], { input, env: { HOME: home, ...env } }),
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

/** A child with its two streams apart. @throws when it can not be started, or has not ended after two minutes */
export async function runChild(
  [file = '', ...args]: readonly string[],
  { input, env }: { input: string; env: Record<string, string> },
): Promise<Outcome> {
  const child = spawn(file, args, { env, stdio: 'pipe', timeout: 120_000 });
  const out = collector();
  const err = collector();
  child.stdout.pipe(out.stream);
  child.stderr.pipe(err.stream);
  child.stdin.on('error', () => {}); // It ended without reading.
  child.stdin.end(input);
  const [code, signal] = await once(child, 'close');
  if (signal) throw new Error(`${file} ${args.join(' ')} was ended by ${signal}: ${err.text()}`);
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

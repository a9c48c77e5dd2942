/**
 * Where keys and passwords come from: never from the arguments, which others can see. CLI reference §1.6.
 */

import { DmError } from '../lib/errors.ts';
import type { Context } from './command.ts';
import { readHidden, readLine } from './input.ts';

export interface Question {
  /** Without the colon. */
  prompt: string;
  /** Of the environment; the first that is not empty is the answer, and nothing is asked. */
  variables: readonly string[];
}

/** @throws DmError secrets/NO_SECRET, interrupted/INTERRUPTED */
export async function askForSecret({ io, ask }: Context, question: Question): Promise<string> {
  const given = question.variables.map(name => io.env[name]).find(Boolean);
  if (given) return given;
  ask(`${question.prompt}: `);
  let secret: string | undefined;
  try {
    secret = io.stdin.isTTY ? await readHidden(io.stdin) : await readLine(io.stdin);
  } finally {
    ask('\n');
  }
  if (secret) return secret;
  throw new DmError('secrets', 'NO_SECRET', `Nothing was given for '${question.prompt}'.`, {
    hint: `Type it, pipe it in, or set ${question.variables[0]}.`,
  });
}

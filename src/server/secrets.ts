/** The admin's key and password from the environment (base64) or from files (in clear). */

import { readFileSync } from 'node:fs';
import { DmError, errno } from '../lib/errors.ts';
import type { Environment } from './settings.ts';

export interface Secrets {
  password: string | undefined;
  apiKey: string | undefined;
}

/**
 * The secret in the file that `fileVariable` names, else the one in `variable`; undefined when neither is set.
 * Its text never appears in an error.
 *
 * @throws DmError usage/BAD_SETTING, secrets/SECRET_UNREADABLE
 */
export function readSecret(env: Environment, variable: string, fileVariable: string): string | undefined {
  const path = env[fileVariable];
  if (path) return fromFile(fileVariable, path);
  const encoded = env[variable];
  return encoded ? fromBase64(variable, encoded) : undefined;
}

function fromFile(variable: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new DmError(
      'secrets',
      'SECRET_UNREADABLE',
      `The file that ${variable} names cannot be read (${errno(error) ?? 'unknown error'}): ${path}.`,
      { cause: error },
    );
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') {
    throw new DmError('secrets', 'SECRET_UNREADABLE', `The file that ${variable} names is empty: ${path}.`);
  }
  return secret;
}

/** As the original: standard base64, and space around the decoded value does not count. */
function fromBase64(variable: string, encoded: string): string {
  const text = encoded.trim();
  const secret = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    ? Buffer.from(text, 'base64').toString('utf8').trim()
    : '';
  if (secret !== '') return secret;
  throw new DmError('usage', 'BAD_SETTING', `${variable} should hold a value in base64.`);
}

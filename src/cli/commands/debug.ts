/** `dm debug METHOD [PARAM] [--parse-json]`: a call as it is, its result as JSON on one line. CLI reference §1.11. */

import { DmError, isDmError } from '../../lib/errors.ts';
import { printable } from '../../model/names.ts';
import type { MethodName, Methods } from '../../wire/methods.ts';
import { SERVICE } from '../../wire/methods.ts';
import type { Context } from '../command.ts';

const TIMEOUT_MS = 600_000;

export async function run(context: Context): Promise<void> {
  const [method = '', param] = context.args;
  const name = methodOf(method);
  const params = paramsOf(param, context.flags.has('parse-json'));
  const { client } = await context.connect(context.profile.read());
  const result = await client.call(name, params, { timeoutMs: TIMEOUT_MS }).catch((error): unknown => {
    if (isDmError(error, 'NO_RESULT')) return null;
    throw error;
  });
  context.print(`${JSON.stringify(result)}\n`);
}

/** Any name: whether there is such a method is for the server to say. */
function methodOf(text: string): MethodName {
  const name = text.replace(`${SERVICE}.`, '');
  if (/^\w+$/.test(name)) return name as MethodName;
  throw new DmError('usage', 'BAD_METHOD', `'${printable(text)}' is no method.`, {
    hint: `Write it as ${SERVICE}.List.`,
  });
}

function paramsOf(text: string | undefined, isJson: boolean): Methods[MethodName]['params'] {
  if (text === undefined) return null;
  if (!isJson) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DmError('usage', 'BAD_JSON', 'The parameter is not JSON.', {
      hint: 'Quote it for the shell: \'{"Name":"webshop"}\'.',
      cause: error,
    });
  }
}

/** `dm completion bash|zsh|fish`: the script that makes that shell complete. */

import { DmError } from '../../lib/errors.ts';
import { printable } from '../../model/names.ts';
import type { Context } from '../command.ts';
import { SCRIPTS } from '../completion-scripts.ts';
import { show } from '../show.ts';

export async function run(context: Context): Promise<void> {
  const [shell = ''] = context.args;
  const script = SCRIPTS.get(shell);
  if (script === undefined) {
    throw new DmError('usage', 'NO_SUCH_SHELL', `There is no completion for '${printable(shell)}'.`, {
      hint: "There is 'dm completion bash', 'dm completion zsh' and 'dm completion fish'.",
    });
  }
  if (context.flags.has('scripting')) context.print(script);
  else show(context, { json: { shell, script }, text: script });
}

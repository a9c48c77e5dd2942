/** `dm dot show [DOT]`: a dot, its branches and where their copies are. CLI reference §1.10. */

import type { Context } from '../command.ts';
import { inspectDot } from '../dot-report.ts';
import { asFields, asText } from '../dot-report-text.ts';
import { parseDotName, requireCurrentDot } from '../dots.ts';

export async function run(context: Context): Promise<void> {
  const profile = context.profile.read();
  const connection = await context.connect(profile);
  const text = context.args[0] ?? context.values.get('dot');
  const dot = text === undefined ? await requireCurrentDot(context, connection) : parseDotName(text);
  // Once more: an only dot has just become the current one.
  const report = await inspectDot(context.profile.read(), connection, dot, context.values.get('branch'));
  if (context.flags.has('json')) context.print(`${JSON.stringify(report)}\n`);
  else if (context.flags.has('scripting')) context.print(asFields(report));
  else context.print(asText(report));
  for (const note of report.notes) if (!context.flags.has('json')) context.note(note);
}

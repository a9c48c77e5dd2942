/** The dot and the branch that a command works on: of --dot and --branch, else the current ones. */

import { checkName, type DotName, MASTER } from '../model/names.ts';
import type { BranchRef, DotRef } from '../wire/methods.ts';
import type { Connection, Context } from './command.ts';
import { parseDotName, requireCurrentDot, shownName } from './dots.ts';
import { currentBranch } from './profile.ts';

export interface Target extends Connection {
  dot: DotName;
  dotRef: DotRef;
  /** `master` is master. */
  branch: string;
  ref: BranchRef;
  /** `shop@bug-7`, for sentences. */
  shown: string;
}

/** @throws DmError usage/NO_CURRENT_DOT, usage/INVALID_NAME, usage/NO_SUCH_REMOTE */
export async function chooseTarget(context: Context): Promise<Target> {
  const connection = await context.connect(context.profile.read());
  const text = context.values.get('dot');
  const dot = text === undefined ? await requireCurrentDot(context, connection) : parseDotName(text);
  const branch = context.values.get('branch') ?? currentBranch(connection.remote, dot);
  checkName('branch', branch);
  const dotRef = { Namespace: dot.namespace, Name: dot.name };
  return {
    ...connection,
    dot,
    dotRef,
    branch,
    ref: onBranch(dotRef, branch),
    shown: `${shownName(dot)}@${branch}`,
  };
}

/** A branch as it travels: master is the empty text. */
export function onBranch(dot: DotRef, branch: string): BranchRef {
  return { ...dot, Branch: branch === MASTER ? '' : branch };
}

/** A branch as it is shown. */
export function branchName(travelling: string): string {
  return travelling === '' ? MASTER : travelling;
}

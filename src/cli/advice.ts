/** What the user can do now about an error that a server sent; scripts look for the server's own words, which stay. */

import type { DmError } from '../lib/errors.ts';

/** The first that is found in the message. */
const ADVICE: readonly [fragment: string, hint: string][] = [
  ['No such filesystem', "'dm list' shows the dots there are, 'dm branch' the branches of one."],
  ['is not admin user', "Only the user admin may do that: use '--remote' with a remote of admin."],
  ['You are not the owner', 'Only its owner, or the user admin, may do that.'],
  ['containers are still using it', "'dm dot show' names them; stop them first."],
  ['uncommitted', "Keep the changes with 'dm commit -m MESSAGE', then try again."],
];

/** What calls that an older server lacks are for. */
const MISSING: Record<string, string> = {
  PreviewRollback: 'say what a reset destroys',
  Tag: 'keep tags',
  Untag: 'keep tags',
  DeleteBranch: 'delete a branch',
  RenameBranch: 'rename a branch',
  RenameDot: 'rename a dot',
  DiffCommits: 'compare commits',
  Diff: 'compare commits',
  ListUsers: 'list its users',
};

/** `error` as it is told: its sentence, and a hint where there is one. */
export function adviceAbout(error: DmError): { message: string; hint: string | undefined } {
  if (error.code === 'METHOD_MISSING') {
    const method = String(error.data['method']);
    const purpose = MISSING[method] ?? `answer DotmeshRPC.${method}`;
    return { message: `This server can't ${purpose}.`, hint: 'A newer dotmesh-server can.' };
  }
  const known =
    error.code === 'RPC_ERROR' ? ADVICE.find(([words]) => error.message.includes(words)) : undefined;
  return { message: error.message, hint: error.hint ?? known?.[1] };
}

/** `GET /diff/{namespace}:{name}[/{snapshotID}]`: what changed since the newest commit. Wire reference §7.6. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDmError } from '../lib/errors.ts';
import { nameFault } from '../model/names.ts';
import { toJson } from '../wire/json-text.ts';
import { namespaceAdmin } from './namespace-admin.ts';
import { reply, replyError } from './replies.ts';
import type { RpcContext } from './rpc.ts';

export interface DiffTarget {
  namespace: string;
  name: string;
  /** Checked for its form and then ignored, as the original does. */
  snapshot: string | undefined;
}

/** Undefined when the path is another. */
export function diffTarget(path: string): DiffTarget | undefined {
  const match = /^\/diff\/([^/]+):([^/]+)(?:\/([^/]+))?$/.exec(path);
  return match ? { namespace: match[1] ?? '', name: match[2] ?? '', snapshot: match[3] } : undefined;
}

export async function answerDiff(
  context: RpcContext,
  { namespace, name, snapshot }: DiffTarget,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const caller = await namespaceAdmin(context, namespace, req, res);
  if (!caller) return;
  const fault =
    nameFault('namespace', namespace) ||
    nameFault('dot', name) ||
    (snapshot === undefined ? '' : nameFault('snapshot', snapshot));
  if (fault !== '') {
    replyError(res, 400, fault);
    return;
  }
  try {
    const ref = { Namespace: namespace, Name: name, Branch: '' };
    const files = await context.workshop.reading.diffLatest(caller, ref);
    if (files === undefined) replyError(res, 400, 'no snapshots found');
    // Go writes a list that was never made as null.
    else {
      const body = `${toJson(files.length > 0 ? files : null)}\n`;
      reply(res, 200, body, { 'Content-Type': 'application/json' });
    }
  } catch (error) {
    if (!isDmError(error)) throw error;
    const isMissing = error.code === 'DOT_MISSING';
    replyError(
      res,
      500,
      isMissing ? 'master node for filesystem  not found' : `diff failed: ${error.message}`,
    );
  }
}

/** `/s3/{namespace}:{name}…`: files of a dot over HTTP. Wire reference §1.2, §7.5. Bodies are streamed. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Caller } from '../dots/index.ts';
import { type DmError, isDmError } from '../lib/errors.ts';
import { MASTER, nameFault } from '../model/names.ts';
import type { BranchRef } from '../wire/methods.ts';
import { liftDeadline } from './listener.ts';
import { namespaceAdmin } from './namespace-admin.ts';
import { reply, replyError } from './replies.ts';
import type { RpcContext } from './rpc.ts';
import { Page, readListOptions, writeJsonList, writeXmlList } from './s3-listing.ts';

export interface S3Target {
  namespace: string;
  name: string;
  /** '' is master. */
  branch: string;
  /** Undefined: the newest. */
  snapshot: string | undefined;
  /** Undefined: the list. */
  key: string | undefined;
}

/** Undefined when the path is another. The original can not reach `name@branch`, by a fault of its router; ours can. */
export function s3Target(path: string): S3Target | undefined {
  const match = /^\/s3\/([^/]+):([^/@]+)(?:@([^/]+))?(?:\/(.*))?$/s.exec(path);
  if (!match) return undefined;
  const [, namespace = '', name = '', branchText = '', rest] = match;
  const at = { namespace, name, branch: branchText === MASTER ? '' : branchText };
  if (rest === undefined) return { ...at, snapshot: undefined, key: undefined };
  const inCommit = /^snapshot\/([^/]+)(?:\/(.*))?$/s.exec(rest);
  if (inCommit) return { ...at, snapshot: inCommit[1], key: inCommit[2] };
  return { ...at, snapshot: undefined, key: rest };
}

export async function answerS3(
  context: RpcContext,
  target: S3Target,
  query: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { namespace, name, branch, snapshot, key } = target;
  const act = actionOf(req.method ?? '', target);
  if (act === undefined) {
    reply(res, 405, '');
    return;
  }
  const caller = await namespaceAdmin(context, namespace, req, res);
  if (!caller) return;
  const fault =
    nameFault('namespace', namespace) ||
    nameFault('dot', name) ||
    nameFault('branch', branch) ||
    (snapshot === undefined ? '' : nameFault('snapshot', snapshot));
  if (fault !== '') {
    replyError(res, 400, fault);
    return;
  }
  const ref = { Namespace: namespace, Name: name, Branch: branch };
  try {
    if (act === 'list') await list(context, caller, ref, target, query, res);
    else if (act === 'read') await read(context, caller, ref, target, req, res);
    else await write(context, caller, ref, key ?? '', act, req, res);
  } catch (error) {
    if (!isDmError(error)) throw error;
    if (res.headersSent) res.destroy();
    else answerError(res, error, target, act);
  }
}

type Action = 'list' | 'read' | 'put' | 'remove';

function actionOf(method: string, { snapshot, key }: S3Target): Action | undefined {
  if (key === undefined) return method === 'GET' ? 'list' : undefined;
  if (snapshot !== undefined) return method === 'GET' || method === 'HEAD' ? 'read' : undefined;
  if (method === 'PUT') return 'put';
  return method === 'DELETE' ? 'remove' : undefined;
}

async function list(
  { workshop }: RpcContext,
  caller: Caller,
  ref: BranchRef,
  target: S3Target,
  query: string,
  res: ServerResponse,
): Promise<void> {
  const options = readListOptions(query);
  const page = new Page(options);
  await workshop.files.list(caller, ref, { commit: target.snapshot, ...options }, page.add);
  const bucket = bucketOf(target);
  if (options.json) {
    reply(res, 200, writeJsonList(bucket, options.prefix, page), { 'Content-Type': 'application/json' });
  } else {
    const type = { 'Content-Type': 'text/plain; charset=utf-8' };
    reply(res, 200, writeXmlList(bucket, options.prefix, page), type);
  }
}

const ANYWHERE = { 'Access-Control-Allow-Origin': '*' };
const SNIFFED_BYTES = 512;

async function read(
  { workshop }: RpcContext,
  caller: Caller,
  ref: BranchRef,
  { snapshot = '', key = '' }: S3Target,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  await workshop.files.read(caller, ref, snapshot, key, async found => {
    if ('archive' in found) {
      res.writeHead(200, {
        ...ANYWHERE,
        'Content-Type': 'application/x-tar',
        'X-Content-Type-Options': 'nosniff',
      });
      if (req.method === 'HEAD') res.end();
      else await send(found.archive(), res);
      return;
    }
    const { size, handle } = found;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    res.writeHead(200, {
      ...ANYWHERE,
      'Content-Type': typeOf(buffer.subarray(0, bytesRead)),
      'X-Content-Type-Options': 'nosniff',
      'Content-Disposition': disposition(key),
      'Content-Length': size,
    });
    if (req.method === 'HEAD' || size === 0) {
      res.end();
      return;
    }
    // A commit does not change: what was its size stays it.
    await send(handle.createReadStream({ start: 0, end: size - 1, autoClose: false }), res);
  });
}

const IDLE_MS = 60_000;

/** Who does not take his answer is cut; one that breaks off is seen to be no whole one. */
async function send(body: AsyncIterable<Buffer>, res: ServerResponse): Promise<void> {
  res.setTimeout(IDLE_MS, () => res.destroy());
  await pipeline(body, res).catch(() => res.destroy());
}

async function write(
  { workshop }: RpcContext,
  caller: Caller,
  ref: BranchRef,
  key: string,
  act: 'put' | 'remove',
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (act === 'put') liftDeadline(req, IDLE_MS);
  const { files } = workshop;
  const isArchive = String(req.headers['extract']).toLowerCase() === 'true';
  const put = isArchive ? files.putArchive : files.put;
  const commit = await (act === 'put' ? put(caller, ref, key, req) : files.remove(caller, ref, key));
  reply(res, 200, '', { ...ANYWHERE, Snapshot: commit });
}

function answerError(res: ServerResponse, error: DmError, target: S3Target, act: Action): void {
  const text = [error.message, error.hint ?? ''].join(' ').trimEnd();
  const missing = ['DOT_MISSING', 'BRANCH_MISSING'];
  if (act === 'read') res.setHeader('Access-Control-Allow-Origin', '*');
  if (missing.includes(error.code)) replyError(res, 404, `Bucket ${bucketOf(target)} does not exist`);
  else if (error.code === 'FILE_MISSING' && act === 'list') {
    replyError(res, 500, `failed to get keys for dir: ${text}`);
  } else if (error.code === 'FILE_MISSING') replyError(res, 404, text);
  else if (error.code === 'COMMIT_MISSING')
    replyError(res, 500, `failed to mount filesystem (${text}), check logs`);
  else if (['NO_COMMITS', 'INVALID_KEY', 'INVALID_NAME', 'BAD_ARCHIVE'].includes(error.code))
    replyError(res, 400, text);
  else replyError(res, 500, act === 'put' ? `upload failed: ${text}` : text);
}

function bucketOf({ namespace, name, branch }: S3Target): string {
  return [namespace, name, ...(branch === '' ? [] : [branch])].join('-');
}

/** Text or not: nobody is to run what lies in a dot. */
function typeOf(start: Buffer): string {
  const isBinary = start.some(byte => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte));
  return isBinary ? 'application/octet-stream' : 'text/plain; charset=utf-8';
}

/** RFC 6266: a plain name, and the exact one where they differ. */
function disposition(key: string): string {
  const plain = key.replace(/[^\x20-\x7e]|["\\]/g, '_');
  const exact = plain === key ? '' : `; filename*=UTF-8''${encodeURIComponent(key)}`;
  return `attachment; filename="${plain}"${exact}`;
}

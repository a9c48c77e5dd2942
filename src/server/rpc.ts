/** `POST /rpc`: who calls, what is asked, may they, the answer. Wire reference §1.3 to §1.5. */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller, Workshop } from '../dots/index.ts';
import { isDmError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import {
  CODE,
  methodOf,
  parseRequest,
  RpcFault,
  type RpcRequest,
  unknownMethod,
  writeFault,
  writeResult,
} from '../wire/json-rpc.ts';
import { type MethodName, type Methods, SERVICE } from '../wire/methods.ts';
import { isMethodName, readParams } from '../wire/params.ts';
import { type Door, identify } from './auth.ts';
import { BODY_LIMIT, readBody } from './body.ts';
import { accountMethods } from './methods/accounts.ts';
import { backupMethods } from './methods/backup.ts';
import { branchMethods } from './methods/branches.ts';
import { commitMethods } from './methods/commits.ts';
import { dotMethods } from './methods/dots.ts';
import { checkPermission, type Method, type MethodsOf } from './methods/method.ts';
import { mountMethods } from './methods/mounts.ts';
import { readingMethods } from './methods/reading.ts';
import { serverMethods } from './methods/server.ts';
import { sharingMethods } from './methods/sharing.ts';
import { userMethods } from './methods/users.ts';
import type { Metrics } from './metrics.ts';
import { replyError, replyRpc, replyText, replyUnauthorized } from './replies.ts';

const METHODS: MethodsOf<MethodName> = {
  ...serverMethods,
  ...userMethods,
  ...dotMethods,
  ...commitMethods,
  ...branchMethods,
  ...accountMethods,
  ...sharingMethods,
  ...backupMethods,
  ...readingMethods,
  ...mountMethods,
};

export interface RpcContext {
  workshop: Workshop;
  metrics: Metrics;
  log: Log;
  door: Door;
}

export async function answerRpc(
  context: RpcContext,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const caller = await identify(req, context.door, context.workshop.users);
  if (caller === undefined) {
    replyUnauthorized(res);
    return;
  }
  const type = (req.headers['content-type'] ?? '').split(';')[0] ?? '';
  if (type.toLowerCase() !== 'application/json') {
    replyText(res, 415, `rpc: unrecognized Content-Type: ${type}`);
    return;
  }
  const body = await readBody(req);
  if (body === undefined) {
    res.setHeader('Connection', 'close');
    replyError(res, 413, `The request is larger than ${BODY_LIMIT} bytes.`);
    return;
  }
  const { request, fault } = parseRequest(body);
  const answer = fault === undefined ? await perform(context, caller, request) : { fault, reached: false };
  const text = 'fault' in answer ? writeFault(request, answer.fault) : writeResult(request, answer.result);
  replyRpc(res, text, answer.reached);
}

type Answer = ({ result: unknown } | { fault: RpcFault }) & { reached: boolean };

async function perform(context: RpcContext, caller: Caller, request: RpcRequest): Promise<Answer> {
  let reached = false;
  try {
    const name = methodName(request, context.door);
    const params = readParams(name, request.params);
    reached = true;
    const result = await context.metrics.timeRpc(`${SERVICE}.${name}`, () =>
      runMethod(context, caller, name, params),
    );
    return { result, reached };
  } catch (error) {
    const fault = error instanceof RpcFault ? error : faultOf(error, request.method, context.log);
    return { fault, reached };
  }
}

/** @throws RpcFault: a method for the socket alone is over TCP as unknown as any other */
function methodName(request: RpcRequest, door: Door): MethodName {
  const name = methodOf(request, SERVICE);
  if (!isMethodName(name) || (METHODS[name].socketOnly && door !== 'socket')) throw unknownMethod(request);
  return name;
}

async function runMethod<M extends MethodName>(
  { workshop }: RpcContext,
  caller: Caller,
  name: M,
  params: Methods[M]['params'],
): Promise<unknown> {
  const method: Method<M> = METHODS[name];
  checkPermission(caller, method.needs);
  return await method.run({ caller, workshop }, params);
}

/** What a client may read: the sentence first, since clients search for the original's words, then the hint. */
function faultOf(error: unknown, method: string, log: Log): RpcFault {
  if (isDmError(error)) {
    if (error.kind === 'internal') log.error({ err: error, method }, 'A method failed.');
    return new RpcFault(CODE.server, [error.message, error.hint ?? ''].join(' ').trimEnd());
  }
  const reference = randomBytes(4).toString('hex');
  log.error({ err: error, method, reference }, 'A method failed by a fault of ours.');
  return new RpcFault(
    CODE.server,
    `The server failed at this by a fault of its own, logged as ${reference}.`,
  );
}

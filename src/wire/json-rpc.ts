/**
 * JSON-RPC 2.0 as the original's codec (gorilla json2) speaks it: requests in, answers out. Wire reference §1.4.
 *
 * Every answer travels with HTTP 200; an answer to a request without an id is the empty text.
 */

import { goQuote } from './go-text.ts';
import { compact, firstValue, kindOf, members, toJson } from './json-text.ts';

export const CODE = { parse: -32700, invalidRequest: -32600, server: -32000 } as const;

/** What makes an answer an error; `data` is raw JSON. */
export class RpcFault extends Error {
  override readonly name = 'RpcFault';
  readonly code: number;
  readonly data: string;

  constructor(code: number, message: string, data = 'null') {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export interface RpcRequest {
  jsonrpc: string;
  method: string;
  /** Raw JSON; undefined when missing or null. */
  params: string | undefined;
  /** Raw JSON, echoed as it is; undefined when missing or null: the caller wants no answer. */
  id: string | undefined;
}

/** A request, with what is wrong with it as a whole. Malformed text gives a request without an id, hence no answer. */
export function parseRequest(body: string): { request: RpcRequest; fault: RpcFault | undefined } {
  const request: RpcRequest = { jsonrpc: '', method: '', params: undefined, id: undefined };
  const text = firstValue(body);
  if (text === undefined || kindOf(text) !== 'object') {
    return { request, fault: new RpcFault(CODE.parse, 'The request is not a JSON object.') };
  }
  let wrongType: string | undefined;
  for (const [name, value] of members(text)) {
    const member = name.toLowerCase();
    if (member === 'params' || member === 'id') {
      request[member] = kindOf(value) === 'null' ? undefined : value;
    } else if (member === 'jsonrpc' || member === 'method') {
      if (kindOf(value) === 'string') request[member] = String(JSON.parse(value));
      else if (kindOf(value) !== 'null') {
        const where = `Go struct field serverRequest.${member} of type string`;
        wrongType ??= `json: cannot unmarshal ${kindOf(value)} into ${where}`;
      }
    }
  }
  return { request, fault: faultOf(request, wrongType) };
}

function faultOf(request: RpcRequest, wrongType: string | undefined): RpcFault | undefined {
  if (wrongType !== undefined) return new RpcFault(CODE.parse, wrongType, encodeRequest(request));
  if (request.jsonrpc === '2.0') return undefined;
  return new RpcFault(CODE.invalidRequest, 'jsonrpc must be 2.0', encodeRequest(request));
}

function encodeRequest({ jsonrpc, method, params = 'null', id = 'null' }: RpcRequest): string {
  const [version, name] = [toJson(jsonrpc), toJson(method)];
  return `{"jsonrpc":${version},"method":${name},"params":${compact(params)},"id":${compact(id)}}`;
}

/**
 * The method's own name, when `service` is the one asked for.
 *
 * @throws RpcFault with the original's message
 */
export function methodOf({ method }: RpcRequest, service: string): string {
  const [asked, name, ...more] = method.split('.');
  if (name === undefined || more.length > 0) {
    throw new RpcFault(CODE.server, `rpc: service/method request ill-formed: ${goQuote(method)}`);
  }
  if (asked !== service) throw new RpcFault(CODE.server, `rpc: can't find service ${goQuote(method)}`);
  return name;
}

export function unknownMethod({ method }: RpcRequest): RpcFault {
  return new RpcFault(CODE.server, `rpc: can't find method ${goQuote(method)}`);
}

/** One line, or '' when the request had no id. */
export function writeResult({ id }: RpcRequest, result: unknown): string {
  return id === undefined ? '' : `{"jsonrpc":"2.0","result":${toJson(result)},"id":${id}}\n`;
}

/** One line, or '' when the request had no id. */
export function writeFault({ id }: RpcRequest, { code, message, data }: RpcFault): string {
  if (id === undefined) return '';
  const error = `{"code":${code},"message":${toJson(message.toWellFormed())},"data":${data}}`;
  return `{"jsonrpc":"2.0","error":${error},"id":${id}}\n`;
}

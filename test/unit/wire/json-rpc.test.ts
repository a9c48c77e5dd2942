import test from 'ava';
import fc from 'fast-check';
import {
  methodOf,
  parseRequest,
  RpcFault,
  unknownMethod,
  writeFault,
  writeResult,
} from '../../../src/wire/json-rpc.ts';

const request = (members: string) => parseRequest(`{"jsonrpc":"2.0","method":"DotmeshRPC.Ping",${members}}`);

/** The answer to a request that is at fault as a whole. */
function faultAnswer(body: string): string {
  const { request: parsed, fault } = parseRequest(body);
  return fault ? writeFault(parsed, fault) : 'no fault';
}

test('a result is one line with its members in the original order', t => {
  const { request: parsed, fault } = request('"params":null,"id":41');
  t.is(fault, undefined);
  t.is(writeResult(parsed, 'b1b2'), '{"jsonrpc":"2.0","result":"b1b2","id":41}\n');
});

test('an error is one line with its members in the original order', t => {
  const { request: parsed } = request('"id":41');
  t.is(
    writeFault(parsed, new RpcFault(-32000, "No such filesystem named 'admin/shop'")),
    `{"jsonrpc":"2.0","error":{"code":-32000,"message":"No such filesystem named 'admin/shop'","data":null},"id":41}\n`,
  );
});

test('any JSON value as id is echoed byte for byte', t => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom('', ' ', '\t', '\n '), (id, space) => {
      const { request: parsed } = request(`"id":${space}${id}${space}`);
      t.is(writeResult(parsed, true), id === 'null' ? '' : `{"jsonrpc":"2.0","result":true,"id":${id}}\n`);
    }),
  );
});

test('numbers no JavaScript number can hold survive as ids', t => {
  for (const id of ['9223372036854775807', '1e400', '-0.10', '1.0000000000000000000001', '"\\u0041\\/"']) {
    t.is(writeResult(request(`"id":${id}`).request, true), `{"jsonrpc":"2.0","result":true,"id":${id}}\n`);
  }
});

test('a request without an id, or with null, gets no answer', t => {
  for (const members of ['"params":{}', '"id":null', '"id":5,"ID":null']) {
    const { request: parsed, fault } = request(members);
    t.is(fault, undefined);
    t.is(writeResult(parsed, true), '');
    t.is(writeFault(parsed, unknownMethod(parsed)), '');
  }
});

test('malformed, cut, too deep and batch requests get no answer', t => {
  const deep = `{"jsonrpc":"2.0","method":"x","id":1,"params":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  const good = '{"jsonrpc":"2.0","method":"DotmeshRPC.Ping","id":1}';
  for (const body of [
    '',
    ' ',
    '{',
    'nonsense',
    `[${good}]`,
    '"text"',
    '7',
    'null',
    good.slice(0, -1),
    deep,
  ]) {
    t.is(faultAnswer(body), '', body.slice(0, 40));
  }
});

test('no text makes the reader throw', t => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().chain(text => fc.nat(text.length).map(n => text.slice(n))),
      ),
      body => {
        t.notThrows(() => parseRequest(body));
      },
    ),
  );
});

test('what follows the first value is ignored', t => {
  const { request: parsed, fault } = parseRequest('{"jsonrpc":"2.0","method":"a.b","id":1}} rubbish');
  t.is(fault, undefined);
  t.is(parsed.method, 'a.b');
});

test('members are found without regard to case, and the last one wins', t => {
  const { request: parsed } = parseRequest(
    '{"JSONRPC":"2.0","method":"a.b","Method":"c.d","Id":1,"id":2,"__proto__":3}',
  );
  t.deepEqual(parsed, { jsonrpc: '2.0', method: 'c.d', params: undefined, id: '2' });
});

test('another version is refused with the request echoed', t => {
  t.is(
    faultAnswer('{"id": 7, "method":"DotmeshRPC.Ping", "params": [ 1, "a  <b" ], "jsonrpc":"1.0"}'),
    '{"jsonrpc":"2.0","error":{"code":-32600,"message":"jsonrpc must be 2.0","data":' +
      '{"jsonrpc":"1.0","method":"DotmeshRPC.Ping","params":[1,"a  \\u003cb"],"id":7}},"id":7}\n',
  );
  t.is(
    faultAnswer('{"id":7}'),
    '{"jsonrpc":"2.0","error":{"code":-32600,"message":"jsonrpc must be 2.0","data":' +
      '{"jsonrpc":"","method":"","params":null,"id":7}},"id":7}\n',
  );
});

test('a top member of the wrong type is a parse error', t => {
  t.is(
    faultAnswer('{"jsonrpc":"2.0","method":5,"id":1}'),
    '{"jsonrpc":"2.0","error":{"code":-32700,"message":"json: cannot unmarshal number into Go struct field ' +
      'serverRequest.method of type string","data":{"jsonrpc":"2.0","method":"","params":null,"id":1}},"id":1}\n',
  );
});

test('markup in strings is escaped as Go escapes it', t => {
  const { request: parsed } = request('"id":1');
  t.is(
    writeResult(parsed, { '<a>': '&\u2028"\\u003c' }),
    '{"jsonrpc":"2.0","result":{"\\u003ca\\u003e":"\\u0026\\u2028\\"\\\\u003c"},"id":1}\n',
  );
});

test('methods that are not there are refused in the original words', t => {
  const messageOf = (method: string) => {
    const parsed = { jsonrpc: '2.0', method, params: undefined, id: '1' };
    try {
      methodOf(parsed, 'DotmeshRPC');
      return unknownMethod(parsed).message;
    } catch (error) {
      return (error as RpcFault).message;
    }
  };
  t.is(messageOf('DotmeshRPC.X'), `rpc: can't find method "DotmeshRPC.X"`);
  t.is(messageOf('X.Y'), `rpc: can't find service "X.Y"`);
  t.is(messageOf('X'), 'rpc: service/method request ill-formed: "X"');
  t.is(messageOf('DotmeshRPC.X.Y'), 'rpc: service/method request ill-formed: "DotmeshRPC.X.Y"');
  t.is(
    messageOf('a"\\\n\x01é\u200b😀'),
    'rpc: service/method request ill-formed: "a\\"\\\\\\n\\x01é\\u200b😀"',
  );
});

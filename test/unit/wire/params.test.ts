import test from 'ava';
import fc from 'fast-check';
import type { MethodName } from '../../../src/wire/methods.ts';
import { isMethodName, readParams } from '../../../src/wire/params.ts';

/** Message and data of the refusal. */
function refusal(method: MethodName, raw: string): [code: number, message: string, data: string] {
  try {
    readParams(method, raw);
  } catch (error) {
    const { code, message, data } = error as { code: number; message: string; data: string };
    return [code, message, data];
  }
  return [0, 'no refusal', ''];
}

const SHOP = { Namespace: 'a', Name: 'shop', Branch: '' };

test('names of fields match without regard to case, unknown ones and nulls count for nothing', t => {
  t.deepEqual(readParams('Lookup', '{"namespace":"a", "NAME" : "shop","x":[{}],"Branch":null}'), SHOP);
  t.deepEqual(readParams('Lookup', '{"Name":"shop","Name":null,"namespace":"b","Namespace":"a"}'), SHOP);
});

test('a list of params stands for its first element', t => {
  t.deepEqual(readParams('Lookup', '[ {"Namespace":"a","Name":"shop"}, 7 ]'), SHOP);
  t.is(readParams('Get', '["id"]'), 'id');
  t.is(readParams('Get', '"id"'), 'id');
});

test('missing, null and empty params are empty values', t => {
  for (const raw of [undefined, 'null', '[]', '[null]', '[ ]']) {
    t.deepEqual(readParams('Create', raw), { Namespace: '', Name: '' });
    t.is(readParams('Get', raw), '');
    t.is(readParams('Ping', raw), null);
  }
  t.is(readParams('List', '{"anything":1}'), null);
});

test('a wrong type is refused in Go words, with the params echoed', t => {
  const list = 'into Go value of type [1]interface {}';
  t.deepEqual(refusal('Create', '{"Name": 5}'), [
    -32600,
    `json: cannot unmarshal object ${list}`,
    '{"Name":5}',
  ]);
  t.deepEqual(refusal('Create', '"x"'), [-32600, `json: cannot unmarshal string ${list}`, '"x"']);
  t.is(refusal('Get', '5')[1], `json: cannot unmarshal number ${list}`);
  t.is(refusal('Get', 'true')[1], `json: cannot unmarshal bool ${list}`);
  t.is(refusal('Ping', '"x"')[1], `json: cannot unmarshal string ${list}`);
  t.is(
    refusal('Create', '[{"name":{}}]')[1],
    'json: cannot unmarshal object into Go struct field .Name of type string',
  );
  t.is(refusal('Get', '[5]')[1], 'json: cannot unmarshal number into Go value of type string');
  t.is(
    refusal('Create', '["x"]')[1],
    'json: cannot unmarshal string into Go value of type struct { Namespace string; Name string }',
  );
});

test('every string arrives as it was sent', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), name => {
      const { Name } = readParams('Create', JSON.stringify({ Namespace: 'a', Name: name }));
      t.is(Name, name.toWellFormed());
    }),
  );
});

test('members of Object are no methods', t => {
  for (const name of ['constructor', '__proto__', 'toString', 'ping', '']) t.false(isMethodName(name));
  t.true(isMethodName('Ping'));
});

test('a map of texts is read as Go reads it', t => {
  const metadata = (raw: string) => readParams('Commit', `{"Name":"shop","metadata":${raw}}`).Metadata;
  t.is(metadata('null'), null);
  t.is(readParams('Commit', undefined).Metadata, null);
  t.deepEqual(metadata('{}'), {});
  t.deepEqual(metadata('{"a":"1","A":"2","b":null,"a":"3","\\ud800":"\\udfff"}'), {
    a: '3',
    A: '2',
    b: '',
    '\ufffd': '\ufffd',
  });
  t.deepEqual(Object.entries(metadata('{"__proto__":"x"}') ?? {}), [['__proto__', 'x']]);
  t.deepEqual(readParams('Commit', '{"Metadata":{"a":"1"},"metadata":{"b":"2"}}').Metadata, {
    a: '1',
    b: '2',
  });
  for (const raw of ['{"a":5}', '{"a":{}}', '[]', '"x"', '5', 'true']) {
    t.is(
      refusal('Commit', `{"Metadata":${raw}}`)[1],
      'json: cannot unmarshal object into Go value of type [1]interface {}',
    );
  }
  const inList = (raw: string) => refusal('Commit', `[{"Metadata":${raw}}]`)[1];
  t.is(inList('{"a":5}'), 'json: cannot unmarshal number into Go struct field .Metadata of type string');
  t.is(inList('[]'), 'json: cannot unmarshal array into Go struct field .Metadata of type map[string]string');
  t.is(readParams('Rollback', '{"force":true}').Force, true);
  t.is(readParams('Rollback', '{}').IfNothingLost, false);
});

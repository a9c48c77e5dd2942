import test from 'ava';
import fc from 'fast-check';
import type { DmError } from '../../../src/lib/errors.ts';
import {
  checkName,
  dotNameOfHost,
  formatDotAddress,
  nameFault,
  parseDotAddress,
  printable,
} from '../../../src/model/names.ts';

const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/);

test('a plain name is master and the default subdot in the namespace admin', t => {
  t.deepEqual(parseDotAddress('shop'), {
    namespace: 'admin',
    name: 'shop',
    branch: '',
    subdot: '__default__',
    pinned: false,
  });
});

test('namespace, branch and subdot are read', t => {
  t.deepEqual(parseDotAddress('bob/shop@b1.orders'), {
    namespace: 'bob',
    name: 'shop',
    branch: 'b1',
    subdot: 'orders',
    pinned: true,
  });
  t.like(parseDotAddress('shop@master'), { branch: '', pinned: true });
});

test('an address survives writing and reading', t => {
  fc.assert(
    fc.property(name, name, fc.option(name, { nil: '' }), name, (namespace, dot, branch, subdot) => {
      const pinned = branch !== '';
      const address = { namespace, name: dot, branch: branch === 'master' ? '' : branch, subdot, pinned };
      t.deepEqual(parseDotAddress(formatDotAddress(address)), address);
    }),
  );
  t.pass();
});

for (const hostile of [
  '',
  '..',
  '.',
  '/',
  'a/b/c',
  'a@b@c',
  'a.b.c',
  'a@',
  'a.',
  'a\n',
  'a\0',
  'a%2f',
  'ü',
  'x'.repeat(65),
  '../x',
  'a b',
]) {
  test(`${JSON.stringify(hostile).slice(0, 30)} is refused as an address`, t => {
    const error = t.throws(() => parseDotAddress(hostile)) as DmError;
    t.is(error.code, 'INVALID_NAME');
  });
}

test('the messages are the ones of the original', t => {
  t.is(nameFault('dot', '@'), 'invalid dot name, should match pattern: ^[a-zA-Z0-9_\\-]{1,64}$');
  t.is(nameFault('namespace', ''), 'namespace cannot be empty');
  t.is(nameFault('dot', ''), 'name cannot be empty');
  t.is(nameFault('branch', ''), '');
  t.throws(() => checkName('snapshot', ''), { message: 'snapshot cannot be empty' });
});

test("a host's name becomes a dot's name by its first label", t => {
  t.is(dotNameOfHost('db1.example.org'), 'db1');
  t.is(dotNameOfHost('db(1)'), 'db-1-');
  t.is(dotNameOfHost('(none)'), '_none-');
});

test('text from outside is shown without control characters, and cut', t => {
  t.is(printable('a\u001b[31m\n"'), 'a\\u001b[31m\\n"');
  t.is(printable('x'.repeat(200)).length, 101);
});

import test from 'ava';
import fc from 'fast-check';
import { isDmError } from '../../../src/lib/errors.ts';
import {
  formatListen,
  parseDuration,
  parseListen,
  parseMode,
  parseOwner,
  parseSize,
} from '../../../src/provision/values.ts';

const refused = (code: string, parse: () => unknown) => {
  try {
    parse();
  } catch (error) {
    return isDmError(error, code) && error.kind === 'usage';
  }
  return false;
};

test('sizes count in 1024', t => {
  t.is(parseSize('s', '10G'), 10 * 2 ** 30);
  t.is(parseSize('s', '512MiB'), 512 * 2 ** 20);
  t.is(parseSize('s', '1048576'), 2 ** 20);
  for (const text of ['', '0', '-1', '10X', '1.5G', '9999999T', 'G']) {
    t.true(
      refused('BAD_SIZE', () => parseSize('s', text)),
      text,
    );
  }
});

test('durations are those of Go, or plain seconds', t => {
  t.is(parseDuration('d', '90s'), 90_000);
  t.is(parseDuration('d', '5m'), 300_000);
  t.is(parseDuration('d', '1h30m'), 5_400_000);
  t.is(parseDuration('d', '1.5s'), 1_500);
  t.is(parseDuration('d', '250ms'), 250);
  t.is(parseDuration('d', '7'), 7_000);
  for (const text of ['', '0', '5 m', '-5s', '5x', 'm', '25h', '5m!', 'Infinity']) {
    t.true(
      refused('BAD_DURATION', () => parseDuration('d', text)),
      text,
    );
  }
});

test('an owner is a number, and a name is refused with the reason', t => {
  t.is(parseOwner('owner', '70'), '70');
  t.is(parseOwner('owner', '999:999'), '999:999');
  for (const text of ['postgres', '70:postgres', ':70', '70:', '4294967295', '0x46', '-1']) {
    t.true(
      refused('BAD_OWNER', () => parseOwner('owner', text)),
      text,
    );
  }
  const error = t.throws(() => parseOwner('owner', 'postgres'));
  t.true(isDmError(error) && error.hint?.includes('id -u'));
});

test('a mode is octal, without the bits that change who a program runs as', t => {
  t.is(parseMode('mode', '0750'), '0750');
  t.is(parseMode('mode', '700'), '700');
  for (const text of ['4755', '0888', '7', 'rwx', '01750']) {
    t.true(
      refused('BAD_MODE', () => parseMode('mode', text)),
      text,
    );
  }
});

test('an address is host and port, and reads back as it was written', t => {
  t.deepEqual(parseListen('listen', ':32607'), { host: '', port: 32607 });
  t.deepEqual(parseListen('listen', '[::1]:32607'), { host: '::1', port: 32607 });
  for (const text of ['32607', ':0', ':65536', '::1:32607', '[zz]:1', 'a b:1', 'host:', '/tmp/x:1']) {
    t.true(
      refused('BAD_ADDRESS', () => parseListen('listen', text)),
      text,
    );
  }
  const host = fc.oneof(fc.constant(''), fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65535 }), (name, port) => {
      t.deepEqual(parseListen('listen', formatListen({ host: name, port })), { host: name, port });
    }),
  );
});

import test from 'ava';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../../src/server/address.ts';
import { readBasic } from '../../../src/server/auth.ts';
import { listeners } from '../../../src/server/port-owner.ts';
import { guessAddresses } from '../../../src/server/usage.ts';

test('credentials are read back whole, whatever the secret holds', t => {
  fc.assert(
    fc.property(
      fc.string().filter(text => !text.includes(':')),
      fc.string({ unit: 'binary' }),
      (login, text) => {
        const secret = text.toWellFormed();
        const header = `Basic ${Buffer.from(`${login}:${secret}`).toString('base64')}`;
        t.deepEqual(readBasic(header), { login, secret });
      },
    ),
  );
});

test('other headers are no credentials', t => {
  for (const header of [undefined, '', 'Basic', 'Basic !!!!', 'Bearer YTpi', 'Basic YWI=', 'Basic YTp']) {
    t.is(readBasic(header), undefined);
  }
  t.deepEqual(readBasic('basic YTpi'), { login: 'a', secret: 'b' });
});

test('addresses read back as they were written', t => {
  for (const text of [':32607', '127.0.0.1:0', '[::1]:80', 'host.example:65535']) {
    const address = parseAddress(text);
    t.is(address && formatAddress(address), text);
  }
  for (const text of ['', '80', ':', ':65536', '::1:80', '[x]:80', 'a b:80', ':-1', ':1e3']) {
    t.is(parseAddress(text), undefined, text);
  }
});

test('only sockets that listen on the port are found in the table of the kernel', t => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:7F5F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:7F5F 0100007F:AAAA 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0`;
  t.deepEqual(listeners(table, 32607), ['111']);
  t.deepEqual(listeners('', 32607), []);
});

test('addresses of loopback and of containers are not guessed', t => {
  const one = (address: string, internal = false, family: 'IPv4' | 'IPv6' = 'IPv4') => [
    { address, internal, family, netmask: '', mac: '', cidr: null, scopeid: 0 } as never,
  ];
  const interfaces = {
    lo: one('127.0.0.1', true),
    eth0: one('10.0.0.2'),
    eth1: one('fe80::1', false, 'IPv6'),
    docker0: one('172.17.0.1'),
    veth12: one('172.18.0.1'),
  };
  t.deepEqual(guessAddresses(interfaces), ['10.0.0.2']);
});

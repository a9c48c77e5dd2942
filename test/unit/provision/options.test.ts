import test from 'ava';
import fc from 'fast-check';
import { isDmError } from '../../../src/lib/errors.ts';
import { FLAGS, helpText } from '../../../src/provision/flags.ts';
import { checkedMountpoint, type ProvisionOptions, parseCommand } from '../../../src/provision/options.ts';

const BASE = ['--storage-device=/dev/sdb', '--dot=test', '--mountpoint=/var/lib/test'];

function provision(...argv: string[]): ProvisionOptions {
  const command = parseCommand(argv);
  if (command.kind !== 'provision') throw new Error(command.kind);
  return command.options;
}

function refusal(...argv: string[]): string {
  try {
    parseCommand(argv);
  } catch (error) {
    if (isDmError(error)) return `${error.kind}/${error.code}`;
    throw error;
  }
  return 'accepted';
}

test('three flags are enough for a one-shot, and the rest has the documented defaults', t => {
  const options = provision(...BASE);
  t.like(options, {
    mode: 'oneshot',
    poolName: 'dotmesh-pool',
    devices: ['/dev/sdb'],
    storageSizeBytes: 10 * 2 ** 30,
    force: false,
    takeover: false,
    listen: undefined,
    timeoutMs: 300_000,
    target: { dot: { text: 'test' }, mountpoint: '/var/lib/test', owner: '', mode: '' },
  });
});

test("Go's spelling with one dash means the same", t => {
  const go = provision(
    '-storage-device=/dev/sda,/dev/sdb',
    '-dot=test',
    '-mountpoint',
    '/var/lib/test',
    '-oneshot',
    '-pool-name=x',
  );
  const gnu = provision(
    '--zpool-device=/dev/sda',
    '--zpool-device=/dev/sdb',
    '--dot=test',
    '--mountpoint=/var/lib/test',
    '--oneshot',
    '--pool-name=x',
  );
  t.deepEqual(go, gnu);
});

test('a daemon needs the device alone', t => {
  const options = provision('--storage-device=/dev/sdb', '--daemon');
  t.is(options.target, undefined);
  t.deepEqual(options.listen, { host: '', port: 32607 });
  t.is(refusal('--dot=a', '--mountpoint=/a'), 'usage/MISSING_FLAG');
  t.is(refusal('--storage-device=/dev/sdb'), 'usage/MISSING_FLAG');
  t.is(refusal('--storage-device=/dev/sdb', '--daemon', '--dot=a'), 'usage/MISSING_FLAG');
  t.is(refusal('--storage-device=/dev/sdb', '--daemon', '--mountpoint=/a'), 'usage/MISSING_FLAG');
  t.is(refusal('--storage-device=/dev/sdb', '--daemon', '--owner=70'), 'usage/MISSING_FLAG');
});

test('what excludes each other is refused', t => {
  t.is(refusal(...BASE, '--oneshot', '--daemon'), 'usage/CONFLICTING_FLAGS');
  t.is(refusal(...BASE, '--dot-file=/f'), 'usage/CONFLICTING_FLAGS');
  t.is(refusal(...BASE, '--seed=a/b/c', '--seed-file=/f'), 'usage/CONFLICTING_FLAGS');
  t.is(refusal(...BASE, '--storage-device=/dev/sdb'), 'usage/CONFLICTING_FLAGS');
});

test('auto stands alone, and nothing is wiped in its name', t => {
  const [, ...rest] = BASE;
  t.deepEqual(provision('--storage-device=auto', ...rest).devices, ['auto']);
  t.is(refusal('--storage-device=auto,/dev/sdb', ...rest), 'usage/CONFLICTING_FLAGS');
  t.is(refusal('--storage-device=auto', '--force', ...rest), 'usage/CONFLICTING_FLAGS');
  t.is(refusal('--storage-device=./auto', '--force', ...rest), 'accepted');
});

test('a late device is waited for five seconds, or as long as is said, or not at all', t => {
  t.is(provision(...BASE).deviceWaitMs, 5_000);
  t.is(provision(...BASE, '--wait-device=2m').deviceWaitMs, 120_000);
  for (const none of ['0', '0s']) t.is(provision(...BASE, `--wait-device=${none}`).deviceWaitMs, 0);
  t.is(refusal(...BASE, '--wait-device=soon'), 'usage/BAD_DURATION');
  t.is(refusal(...BASE, '--wait-device=5m'), 'usage/CONFLICTING_FLAGS', 'all the time there is');
  t.is(provision(...BASE, '--wait-device=5m', '--timeout=10m').deviceWaitMs, 300_000);
});

test('a failed boot step exits, unless it shall wait or switch off; a daemon may try again', t => {
  t.like(provision(...BASE), { onFailure: 'exit', console: undefined, shredUserdata: false });
  const waiting = provision(...BASE, '--on-failure=wait', '--on-failure-timeout=90s');
  t.like(waiting, { onFailure: 'wait', onFailureTimeoutMs: 90_000 });
  t.is(provision(...BASE, '--on-failure=wait').onFailureTimeoutMs, 600_000);
  t.is(refusal(...BASE, '--on-failure=reboot'), 'usage/BAD_CHOICE');
  t.is(provision(...BASE, '--on-failure=wait', '--daemon').onFailure, 'wait');
  t.is(refusal(...BASE, '--on-failure=poweroff', '--daemon'), 'usage/CONFLICTING_FLAGS');
  t.is(refusal(...BASE, '--on-failure-timeout=90s'), 'usage/MISSING_FLAG');
});

test('metadata takes what goes into it, and no secret by itself', t => {
  t.deepEqual(parseCommand(['metadata', '--seed=h/n/d', '--output=f']), {
    kind: 'metadata',
    options: { seed: 'h/n/d', credentialsFile: undefined, output: 'f' },
  });
  t.is(refusal('metadata', '--remote-apikey=k'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal('metadata', 'now'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal(...BASE, '--output=f'), 'usage/UNEXPECTED_ARGUMENT');
});

test('an argument that nobody expects is refused, not ignored', t => {
  t.is(refusal(...BASE, 'postgres'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal(...BASE, '--', '--dot=x'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal(...BASE, '--export'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal('stop', 'now'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal('stop', '--dot=a'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal(...BASE, '--dort=a'), 'usage/UNKNOWN_FLAG');
});

test('unmount takes one directory, and a pool', t => {
  const expected = { kind: 'unmount', options: { poolName: 'x', mountpoint: '/srv/a' } } as const;
  t.like(parseCommand(['unmount', '/srv//a/', '--pool-name=x']), expected);
  t.is(refusal('unmount'), 'usage/MISSING_FLAG');
  t.is(refusal('unmount', 'srv'), 'usage/BAD_MOUNTPOINT');
  t.is(refusal('unmount', '/a', '/b'), 'usage/UNEXPECTED_ARGUMENT');
  t.is(refusal('unmount', '/a', '--mountpoint=/a'), 'usage/UNEXPECTED_ARGUMENT');
});

test('stop takes the pool and whether to export it, before or after the word', t => {
  const expected = { kind: 'stop', options: { poolName: 'x', export: true } } as const;
  t.like(parseCommand(['stop', '--export', '--pool-name=x']), expected);
  t.like(parseCommand(['-pool-name=x', '-export', 'stop']), expected);
});

test('names of dots and pools are checked before anything else happens', t => {
  t.is(refusal('--storage-device=/d', '--mountpoint=/a', '--dot=../etc'), 'usage/INVALID_NAME');
  for (const name of ['', '-x', 'a/b', 'a b', '1x', 'x.lock', 'a'.repeat(65)]) {
    t.regex(refusal(...BASE, `--pool-name=${name}`), /^usage\/(BAD_POOL_NAME|MISSING_VALUE)$/, name);
  }
});

test('a mountpoint is absolute, one directory, and not one of ours', t => {
  t.is(checkedMountpoint('/var//lib/./pg/'), '/var/lib/pg');
  for (const path of [
    'var/lib',
    '/',
    '/..',
    '/var',
    '/run',
    '/var/dotmesh',
    '/var/dotmesh/mnt',
    '/var/dotmesh/mnt/dmfs/x',
    '/var/lib/../dotmesh/mnt/x',
    '/run/dotmesh/x',
    '/a\nb',
    '/a\0b',
    '/a\x7f',
  ]) {
    t.throws(() => checkedMountpoint(path), { code: 'BAD_MOUNTPOINT' }, JSON.stringify(path));
  }
  t.is(checkedMountpoint('/var/dotmesh-data'), '/var/dotmesh-data');
});

test('whatever the arguments are, the answer is a command or a refusal with the kind usage', t => {
  const flag = fc.constantFrom(...FLAGS.map(({ name }) => name), 'x', 'stop', 'unmount', '');
  const value = fc.oneof(fc.string(), fc.constantFrom('', '10G', '5m', ':1', '/a', 'a/b@c.d', '70:70'));
  const argument = fc.oneof(
    fc.tuple(fc.constantFrom('-', '--'), flag, value).map(([dash, name, text]) => `${dash}${name}=${text}`),
    fc.tuple(fc.constantFrom('-', '--', ''), flag).map(([dash, name]) => `${dash}${name}`),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), argv => {
      t.notRegex(refusal(...argv), /^internal/);
    }),
  );
});

test('the help names every flag once, with its default', t => {
  const text = helpText();
  for (const { name } of FLAGS) t.is(text.split(`--${name}`).length > 1, true, name);
  t.true(text.includes('(default dotmesh-pool)'));
  t.true(text.includes('--zpool-device'));
  t.true(text.split('\n').every(line => line.length <= 120));
});

test('a word that begins a vdev is refused as the name of a pool, before any disk is touched', t => {
  for (const name of ['mirror', 'raidz2', 'spare', 'log', 'draid1'])
    t.is(refusal(...BASE, `--pool-name=${name}`), 'usage/BAD_POOL_NAME', name);
  t.is(refusal(...BASE, '--pool-name=dotmesh-pool'), 'accepted');
});

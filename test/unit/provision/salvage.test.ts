// A command line that is wrong somewhere still says where an application would run, and what a failure is to do.
import test from 'ava';
import fc from 'fast-check';
import { FLAGS } from '../../../src/provision/flags.ts';
import { parseCommand } from '../../../src/provision/options.ts';
import { salvage } from '../../../src/provision/salvage.ts';

const MINUTE = 60_000;

test('beside a misspelled flag everything else is read, one dash or two', t => {
  t.deepEqual(
    salvage([
      ...['--storage-devise=/dev/sdb', '-dot=pg', '--mountpoint', '/var/lib/pg', '--pool-name=tank'],
      ...['--on-failure=poweroff', '--on-failure-timeout=1m', '--console=/dev/console'],
    ]),
    {
      mode: 'oneshot',
      poolName: 'tank',
      mountpoints: ['/var/lib/pg'],
      dot: 'pg',
      onFailure: 'poweroff',
      onFailureTimeoutMs: MINUTE,
      console: '/dev/console',
    },
  );
});

test('who misspells what a failure is to do wants the boot held, unless it is a daemon', t => {
  t.is(salvage(['--on-failure=wiat'])?.onFailure, 'wait');
  t.is(salvage(['--on-failure=exit', '--on-failure=poweroff'])?.onFailure, 'wait');
  t.is(salvage(['--on-failure=exit', '--on-failure=exit'])?.onFailure, 'exit');
  t.is(salvage(['--mountpoint=/a'])?.onFailure, 'exit');
  t.like(salvage(['--daemon', '--on-failure=wait']), { mode: 'daemon', onFailure: 'exit' });
  t.is(salvage(['--on-failure=wait', '--on-failure-timeout=soon'])?.onFailureTimeoutMs, 10 * MINUTE);
});

test('all mountpoints that could be one are closed, and none of our own directories', t => {
  const line = [
    '--mountpoint=/a',
    '--mountpoint=/b/',
    '--mountpoint=relative',
    '--mountpoint=/run/dotmesh/x',
  ];
  t.deepEqual(salvage(line)?.mountpoints, ['/a', '/b']);
  t.is(salvage([...line, '--pool-name=no pool', '--pool-name=tank'])?.poolName, 'tank');
});

test('another command, or a question, is no boot step', t => {
  for (const line of [
    ['stop', '--what'],
    ['metadata', '--dot=x'],
    ['--help', '--what'],
    ['--version', '--what'],
  ])
    t.is(salvage(line), undefined, line.join(' '));
});

test('of a command line that is right the same is read, and of no other anything is thrown', t => {
  const right = ['--storage-device=/dev/sdb', '--dot=pg', '--mountpoint=/pg', '--on-failure=wait'];
  const command = parseCommand(right);
  if (command.kind !== 'provision') return t.fail();
  const { mode, poolName, onFailure, onFailureTimeoutMs } = command.options;
  t.like(salvage(right), { mode, poolName, onFailure, onFailureTimeoutMs });
  const word = fc.oneof(fc.constantFrom(...FLAGS.map(({ name }) => `--${name}`)), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(word, fc.string())), words => {
      salvage(words.map(([name, value]) => (value === '' ? name : `${name}=${value}`)));
    }),
  );
});

import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { EXIT_CODES, exitCodeOf, explain } from '../../../src/lib/exit-codes.ts';

test('every kind has an exit code of its own', t => {
  const codes = Object.values(EXIT_CODES);
  t.is(new Set(codes).size, codes.length);
  t.false(codes.includes(0));
});

test('what was thrown by accident is a fault of ours', t => {
  t.is(exitCodeOf(new TypeError('x')), 1);
  t.is(exitCodeOf('text'), 1);
  t.is(exitCodeOf(new DmError('zfs', 'ZFS_HUNG', 'ZFS gives no answer.')), 12);
});

test('an error is explained in a sentence, and a line for what to do', t => {
  t.is(explain(new DmError('pool', 'X', 'No pool.')), 'error: No pool.');
  t.is(explain(new DmError('pool', 'X', 'No pool.', { hint: 'Make one.' })), 'error: No pool.\nMake one.');
});

// How a run went, as programs and consoles read it.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { DmError } from '../../../src/lib/errors.ts';
import { createLog } from '../../../src/lib/log.ts';
import { writeConsole } from '../../../src/provision/report.ts';
import {
  failedStatus,
  type MountStatus,
  mergeMounts,
  newStatus,
  readStatus,
  statusLine,
} from '../../../src/provision/status.ts';
import { writeFileAtomic } from '../../../src/system/files.ts';

const mount = (mountpoint: string, state: MountStatus['state'], message = ''): MountStatus => ({
  mountpoint,
  dot: 'app',
  state,
  message,
});

test('a failure names what failed and why, and the mount that is not there for it', t => {
  const error = new DmError('device', 'DEVICE_MISSING', 'There is no device /dev/sdb.', {
    hint: 'Attach it.',
  });
  const status = failedStatus(newStatus('p', 'app', '/data'), error, new Set());
  t.like(status, {
    state: 'failed',
    code: 'DEVICE_MISSING',
    kind: 'device',
    message: 'There is no device /dev/sdb.',
    hint: 'Attach it.',
    mounts: [mount('/data', 'failed', 'There is no device /dev/sdb.')],
  });
  t.is(statusLine(status), 'dm-linuxkit: FAILED (device/DEVICE_MISSING): There is no device /dev/sdb.');
});

test('a run that fails does not say of a dot that is mounted that it is not', t => {
  const status = { ...newStatus('p', 'app', '/a'), mounts: [mount('/a', 'mounted'), mount('/b', 'mounted')] };
  const error = new DmError('usage', 'UNKNOWN_FLAG', 'There is no flag --what.');
  const after = (mounted: string[]) => failedStatus(status, error, new Set(mounted)).mounts;
  t.deepEqual(after(['/a', '/b']), status.mounts);
  t.deepEqual(after(['/b']), [mount('/a', 'failed', 'There is no flag --what.'), mount('/b', 'mounted')]);
  t.deepEqual(after(['/a'])[1], mount('/b', 'failed', 'It is not mounted any more.'));
  const unknown = failedStatus(newStatus('p', 'other', '/a'), error, new Set(['/a']));
  t.deepEqual(unknown.mounts, [{ ...mount('/a', 'mounted'), dot: '' }], 'which dot it is is not known');
});

test('the newest word about a mountpoint counts, and the others stay', t => {
  const before = [mount('/b', 'failed', 'x'), mount('/a', 'mounted')];
  t.deepEqual(mergeMounts(before, [mount('/b', 'mounted')]), [
    mount('/a', 'mounted'),
    mount('/b', 'mounted'),
  ]);
});

test('the line for the console is one line, and shows what is not mounted', t => {
  const status = newStatus('p', 'app', '/a');
  t.is(statusLine(status), undefined);
  const mounts = [mount('/a', 'mounted'), mount('/b', 'failed', 'x')];
  t.is(
    statusLine({ ...status, state: 'serving', mounts }),
    'dm-linuxkit: serving: app at /a; NOT mounted: app at /b',
  );
  const unseen = [mount('/a', 'mounted', 'It is seen in this container only.')];
  t.is(
    statusLine({ ...status, state: 'ready', mounts: unseen }),
    'dm-linuxkit: ready: app at /a (NOT seen outside of this container)',
  );
  t.is(statusLine({ ...status, state: 'serving' }), 'dm-linuxkit: serving: the pool p');
  const failed = failedStatus(status, new Error('two\nlines\x1b[2J'), new Set());
  t.is(statusLine(failed), 'dm-linuxkit: FAILED (internal/INTERNAL): two lines [2J');
});

test('a status that is damaged is none; the console gets its line, and one that is not there is no error', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'status-'));
  try {
    const path = join(folder, 'status.json');
    t.is(await readStatus(path), undefined);
    await writeFileAtomic(path, '{"state":"rea', { mode: 0o644 });
    t.is(await readStatus(path), undefined);
    await writeFileAtomic(path, JSON.stringify(newStatus('p', 'a', '/a')), { mode: 0o644 });
    t.is((await readStatus(path))?.pool, 'p');
    t.is((await stat(path)).mode & 0o777, 0o644);

    const log = createLog({ name: 'test', level: 'silent', format: 'text' });
    const console = join(folder, 'console');
    await writeConsole(console, 'one', log);
    await writeConsole(console, 'two', log);
    t.is(await readFile(console, 'utf8'), 'one\ntwo\n');
    await t.notThrowsAsync(writeConsole(join(folder, 'no/console'), 'x', log));
  } finally {
    await rm(folder, { recursive: true });
  }
});

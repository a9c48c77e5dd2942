import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import { until } from '../../../src/lib/retry.ts';
import { etcdMountpoint } from '../../../src/model/layout.ts';
import { startHeartbeat } from '../../../src/provision/heartbeat.ts';

function quietLog(lines: string[] = []) {
  return createLog({
    name: 'test',
    level: 'warn',
    format: 'text',
    destination: { write: line => void lines.push(line) },
  });
}

const isMounted = async () => true;

test('a process at rest goes on writing to the pool', async t => {
  const mountPrefix = await mkdtemp(join(tmpdir(), 'heartbeat-'));
  t.teardown(() => rm(mountPrefix, { recursive: true }));
  const directory = etcdMountpoint(mountPrefix, 'p');
  await mkdir(directory, { recursive: true });
  const written = async () => (await stat(directory, { bigint: true })).mtimeNs;
  const before = await written();
  const heartbeat = startHeartbeat('p', quietLog(), { everyMs: 5, isMounted, mountPrefix });
  t.teardown(() => heartbeat.stop());
  let last = before;
  const changed = async () => {
    const now = await written();
    const isNew = now !== last;
    last = now;
    return isNew;
  };
  for (let beat = 0; beat < 2; beat++) t.truthy(await until(changed, { deadlineMs: 60_000, everyMs: 5 }));
});

test('as long as the pool is not there nothing is written, and nothing said', async t => {
  const lines: string[] = [];
  let [looks, writes] = [0, 0];
  const write = async () => void writes++;
  const later = async () => ++looks > 20;
  const heartbeat = startHeartbeat('p', quietLog(lines), { everyMs: 1, isMounted: later, write });
  t.teardown(() => heartbeat.stop());
  t.truthy(await until(() => writes > 0, { deadlineMs: 60_000, everyMs: 1 }));
  t.true(looks > 20);
  t.deepEqual(lines, []);
});

test('a pool that can not be written to is said once, not at every beat', async t => {
  const lines: string[] = [];
  let writes = 0;
  const write = async () => {
    writes++;
    throw new Error('Not a directory');
  };
  const heartbeat = startHeartbeat('p', quietLog(lines), { everyMs: 1, isMounted, write });
  t.teardown(() => heartbeat.stop());
  t.truthy(await until(() => writes > 20, { deadlineMs: 60_000 }));
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /Not a directory/);
});

test('a ZFS whose files hang is named once, while the daemon goes on', async t => {
  const lines: string[] = [];
  let writes = 0;
  const write = () => {
    writes++;
    return new Promise<void>(() => {});
  };
  const heartbeat = startHeartbeat('p', quietLog(lines), { everyMs: 1, isMounted, write });
  t.teardown(() => heartbeat.stop());
  t.truthy(await until(() => lines.length > 0, { deadlineMs: 60_000 }));
  let beats = 0;
  await until(() => ++beats > 20, { deadlineMs: 60_000, everyMs: 2 });
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /ZFS hangs/);
  t.is(writes, 1);
});

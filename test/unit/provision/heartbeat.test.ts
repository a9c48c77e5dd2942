import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import { until } from '../../../src/lib/retry.ts';
import { startHeartbeat } from '../../../src/provision/heartbeat.ts';

function quietLog(lines: string[] = []) {
  return createLog({
    name: 'test',
    level: 'warn',
    format: 'text',
    destination: { write: line => void lines.push(line) },
  });
}

test('a daemon at rest goes on writing to the pool', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'heartbeat-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const heartbeat = startHeartbeat(folder, quietLog(), { everyMs: 5 });
  t.teardown(() => heartbeat.stop());
  const read = () => readFile(join(folder, 'heartbeat'), 'utf8').catch(() => '');
  const first = await until(async () => (await read()) || undefined, { deadlineMs: 60_000 });
  t.truthy(await until(async () => !['', first].includes(await read()), { deadlineMs: 60_000 }));
});

test('a pool that can not be written to is said once, not at every beat', async t => {
  const lines: string[] = [];
  let writes = 0;
  const write = async () => {
    writes++;
    throw new Error('Not a directory');
  };
  const heartbeat = startHeartbeat('/nowhere', quietLog(lines), { everyMs: 1, write });
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
  const heartbeat = startHeartbeat('/nowhere', quietLog(lines), { everyMs: 1, write });
  t.teardown(() => heartbeat.stop());
  t.truthy(await until(() => lines.length > 0, { deadlineMs: 60_000 }));
  let beats = 0;
  await until(() => ++beats > 20, { deadlineMs: 60_000, everyMs: 2 });
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /ZFS hangs/);
  t.is(writes, 1);
});

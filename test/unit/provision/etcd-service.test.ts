// An etcd that does not even tell its version.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { asDmError, DmError } from '../../../src/lib/errors.ts';
import { createLog } from '../../../src/lib/log.ts';
import { until } from '../../../src/lib/retry.ts';
import type { Context } from '../../../src/provision/context.ts';
import { startEtcd } from '../../../src/provision/etcd-service.ts';
import { runPaths } from '../../../src/provision/run-files.ts';
import { startEtcdAgain } from '../../../src/provision/services.ts';

const folder = await mkdtemp(join(tmpdir(), 'etcd-'));
const PATH = process.env['PATH'];
test.after.always(async () => {
  process.env['PATH'] = PATH;
  await rm(folder, { recursive: true });
});

/** What this process's commands find as `etcd`. */
async function etcdIs(script: string): Promise<void> {
  process.env['PATH'] = `${folder}:${PATH}`;
  await writeFile(join(folder, 'etcd'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

const paths = runPaths('p', folder);
const log = createLog({ name: 'test', level: 'silent', format: 'text' });
const contextWith = (probeFiles: () => Promise<void>) =>
  ({ adapters: { probeFiles }, log }) as unknown as Context;
const context = contextWith(async () => undefined);
const clock = ({ signal }: AbortController) => ({ signal, remainingMs: () => 1 });
const ended = new DmError('interrupted', 'INTERRUPTED', 'Ended.');

test.serial('one that fails is a service that can not be had, in its own words', async t => {
  await etcdIs('echo "etcd on unsupported platform" >&2; exit 1');
  const error = asDmError(
    await t.throwsAsync(startEtcd(paths, folder, context, clock(new AbortController()))),
  );
  t.is(error.kind, 'services');
  t.is(error.code, 'ETCD_UNUSABLE');
  t.regex(error.message, /unsupported platform/);
});

test.serial('a start is cut off at once while etcd gives no answer', async t => {
  const asked = join(folder, 'asked');
  await etcdIs(`: >'${asked}'; exec sleep 600`);
  const end = new AbortController();
  const starting = startEtcd(paths, folder, context, clock(end));
  starting.catch(() => undefined);
  t.truthy(await until(() => existsSync(asked), { deadlineMs: 120_000 }));
  end.abort(ended);
  await t.throwsAsync(starting, { code: 'INTERRUPTED' });
});

test.serial('a restart is cut off at once while the files of the pool give no answer', async t => {
  const end = new AbortController();
  const never = contextWith(() => new Promise(() => end.abort(ended)));
  await t.throwsAsync(startEtcdAgain(paths, { stateDirectory: folder }, never, clock(end)), {
    code: 'INTERRUPTED',
  });
});

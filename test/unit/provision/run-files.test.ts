import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import {
  liveRunFile,
  parseRunFile,
  removeRunFile,
  runPaths,
  stopLeftovers,
  writeRunFile,
} from '../../../src/provision/run-files.ts';
import { makePrivateDirectory } from '../../../src/system/files.ts';
import { processIdentity } from '../../../src/system/processes.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'text' });
const me = { pid: process.pid, startTime: processIdentity(process.pid)?.startTime ?? 0 };

test('a daemon is known by pid, start time and boot together, and its file is removed by itself alone', async t => {
  const base = await mkdtemp(join(tmpdir(), 'run-'));
  const { daemon, directory } = runPaths('p', base);
  try {
    await makePrivateDirectory(directory);
    t.is(await liveRunFile(daemon), undefined);
    await writeRunFile(daemon, { role: 'daemon', state: 'serving', listen: ':1', ...me });
    t.like(await liveRunFile(daemon), { ...me, state: 'serving', listen: ':1' });
    await writeRunFile(daemon, { role: 'daemon', ...me, startTime: me.startTime + 1 });
    t.is(await liveRunFile(daemon), undefined);
    await writeFile(daemon, JSON.stringify({ role: 'daemon', ...me, boot: 'another boot' }));
    t.is(await liveRunFile(daemon), undefined);
    await removeRunFile(daemon, me);
    t.true(existsSync(daemon), 'another run has replaced it');
    await writeRunFile(daemon, { role: 'daemon', ...me });
    await removeRunFile(daemon, me);
    t.false(existsSync(daemon));
  } finally {
    await rm(base, { recursive: true });
  }
});

test('a damaged run file names nobody', t => {
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"pid":1,"startTime":5,"boot":"b"}',
    '{"pid":"9"}',
    '{"pid":9,"startTime":5}',
  ])
    t.is(parseRunFile(text), undefined, text);
});

test('what a killed run left is ended, and its traces are removed', async t => {
  const base = await mkdtemp(join(tmpdir(), 'run-'));
  const paths = runPaths('p', base);
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    const exited = once(child, 'exit');
    await makePrivateDirectory(paths.directory);
    const pid = child.pid ?? 0;
    await writeRunFile(paths.etcd, { role: 'etcd', pid, startTime: processIdentity(pid)?.startTime ?? 0 });
    await stopLeftovers(paths, log);
    await exited;
    t.is(child.signalCode, 'SIGTERM');
    await t.throwsAsync(stat(paths.etcd), { code: 'ENOENT' });
  } finally {
    child.kill('SIGKILL');
    await rm(base, { recursive: true });
  }
});

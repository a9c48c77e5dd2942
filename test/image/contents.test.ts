import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { docker, execute, image, rootfs } from '../helpers/docker.ts';

const MiB = 2 ** 20;
const files = execute(['tar', '--numeric-owner', '-tvzf', rootfs])
  .text.split('\n')
  .map(line => /^(\S{10})\s+\S+\s+(\d+)\s+\S+\s+\S+\s+(.*?)(?: (?:->|link to) .*)?$/.exec(line))
  .flatMap(match => (match ? [{ mode: match[1] ?? '', bytes: Number(match[2]), path: `/${match[3]}` }] : []));

test('nothing is in the image that the programs do not use', t => {
  t.true(files.some(({ path }) => path === '/usr/bin/node'));
  const packages = /node_modules|\/npm|\/corepack|python|perl|\/etcdctl|\/lib\/apk|\/dpkg|\/apt\b/;
  const papers = /\/doc\/|\/man\/|\/locale\/|\.map$|\.ts$|\/src\//;
  t.deepEqual(
    files.filter(({ path }) => packages.test(path) || papers.test(path)).map(({ path }) => path),
    [],
  );
});

test('no program of the image is set-user-id, and no directory but /tmp is writable for others', t => {
  const odd = files.filter(
    ({ mode, path }) => /^...s|^......s/.test(mode) || (/^d.......w/.test(mode) && path !== '/tmp/'),
  );
  t.deepEqual(odd, []);
});

test('the image is small: a machine that boots it has it in memory', t => {
  const unpacked = files.reduce((sum, { bytes }) => sum + bytes, 0);
  t.true(unpacked < 165 * MiB, `${unpacked / MiB} MiB unpacked`);
  t.true(statSync(rootfs).size < 64 * MiB, `${statSync(rootfs).size / MiB} MiB compressed`);
});

/** Hosts that packages come from on this machine, as apt, npm and the environment know them. */
function hosts(): string[] {
  const parts = '/etc/apt/sources.list.d';
  const sources = ['/etc/apt/sources.list', ...(existsSync(parts) ? readdirSync(parts) : [])].map(name =>
    name.startsWith('/') ? name : join(parts, name),
  );
  const texts = [
    ...sources.filter(path => existsSync(path)).map(path => readFileSync(path, 'utf8')),
    execute(['npm', 'config', 'get', 'registry']).text,
    ...['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map(name => process.env[name] ?? ''),
  ];
  const found = texts.flatMap(text => [...text.matchAll(/https?:\/\/(?:[^@/\s]*@)?([^/:\s]+)/g)]);
  return [...new Set(found.map(([, host]) => host ?? ''))].filter(host => host.includes('.'));
}

test('no registry, mirror, proxy or key of the building machine is in a layer or in the history', async t => {
  const words = [...hosts(), '_authToken', '/.npmrc'];
  t.true(words.length > 2);
  const history = docker('history', '--no-trunc', image).text;
  t.deepEqual(
    words.filter(word => history.includes(word)),
    [],
  );
  const save = spawn(process.env['DM_DOCKER'] ?? 'docker', ['save', image], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(save, 'exit');
  const found = new Set<string>();
  let tail = Buffer.alloc(0);
  for await (const chunk of save.stdout) {
    const piece = Buffer.concat([tail, chunk]);
    for (const word of words) if (piece.includes(word)) found.add(word);
    tail = piece.subarray(-256); // a word may lie across two chunks
  }
  t.deepEqual([...found], []);
  t.deepEqual(await ended, [0, null]);
});

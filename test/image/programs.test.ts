import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { docker, image, inImage, labelOfImage } from '../helpers/docker.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const { capabilities } = labelOfImage();

test('the three programs are there, run on the Node of the image, and know their version', t => {
  const { code, text } = inImage(
    ['sh', '-c', 'dm-linuxkit --version && dotmesh-server --version && dm version && dm-linuxkit --help'],
    { capabilities, how: ['--read-only'] },
  );
  t.is(code, 0, text);
  const lines = text.split('\n').map(line => line.trim());
  for (const each of [`dm-linuxkit ${version}`, version, `Version: ${version}`])
    t.true(lines.includes(each), `${each} is missing in ${text}`);
  t.true(text.includes('--storage-device'), text);
});

test('Node is new enough, etcd and the ZFS userland are there and say which they are', t => {
  const node = inImage(['node', '--version']).text;
  t.true(Number(/^v(\d+)\./.exec(node)?.[1]) >= 22, node);
  t.regex(inImage(['etcd', '--version']).text, /^etcd Version: 3\.\d+/);
  t.regex(inImage(['zfs', '--version']).text, /^zfs-2\.\d+\.\d+/m); // it ends with 1 without the module
});

test('every program that the sources start is in the image', t => {
  const started = new Set(
    readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter(path => path.endsWith('.ts'))
      .flatMap(path => [
        ...readFileSync(join('src', path), 'utf8').matchAll(/\b(?:run|spawn)\(\s*\[?'([a-z0-9.-]+)'/g),
      ])
      .map(([, name]) => name ?? ''),
  );
  for (const name of ['mount', 'flock', 'setpriv', 'sfdisk']) t.true(started.has(name), 'the pattern fits');
  const wanted = ['zfs', 'zpool', 'zdb', 'cat', 'env', ...started];
  const script = 'for name; do command -v "$name" >/dev/null || echo "$name"; done';
  t.is(inImage(['sh', '-c', script, 'sh', ...wanted]).text, '', 'these are missing');
});

test('what the sources ask of util-linux is more than busybox has, and is there', t => {
  const { code, text } = inImage([
    ...['setpriv', '--pdeathsig', 'KILL', '--', 'flock', '--exclusive', '--no-fork'],
    ...['--conflict-exit-code', '75', '/tmp/lock', 'wipefs', '--json', '--version'],
  ]);
  t.is(code, 0, text);
  t.regex(text, /util-linux/);
});

test('etcd becomes healthy on a UNIX socket in a read-only image', t => {
  const script = `cd /tmp && etcd --data-dir /tmp/etcd --log-level error \
    --listen-client-urls unix://s:0 --advertise-client-urls unix://s:0 --listen-peer-urls unix://p:0 &
    exec node -e '
      const http = require("node:http");
      const again = () => setTimeout(ask, 50);
      const look = data => String(data).includes("true") ? process.exit(0) : again();
      const ask = () => http.get({ socketPath: "/tmp/s:0", path: "/health" }, answer => answer.on("data", look))
        .on("error", again);
      setTimeout(() => process.exit(1), 60_000); ask();'`;
  const { code, text } = inImage(['sh', '-c', script], { how: ['--read-only'] });
  t.is(code, 0, text);
});

test('without /dev/zfs provisioning ends with code 12 and says that the host lacks the module', t => {
  const { code, text } = inImage(
    ['dm-linuxkit', '--storage-device=/tmp/disk', '--dot=app', '--mountpoint=/var/lib/app'],
    { capabilities },
  );
  t.is(code, 12, text);
  t.regex(text, /\/dev\/zfs/);
  t.regex(text, /The host needs the ZFS module/);
});

test('a container without any command is told which flag is missing, and ends', t => {
  const { code, text } = inImage([], { capabilities });
  t.is(code, 2, text);
  t.regex(text, /--storage-device/);
});

test('the entry point is empty: a command of the YAML names the program itself', t => {
  const { text } = docker('image', 'inspect', '--format', '{{json .Config}}', image);
  const config = JSON.parse(text);
  t.falsy(config.Entrypoint?.length);
  t.deepEqual(config.Cmd, ['/usr/bin/dm-linuxkit']);
  t.falsy(config.User);
  t.true(config.Env.some((each: string) => /^PATH=.*\/usr\/sbin.*\/sbin/.test(each)));
});

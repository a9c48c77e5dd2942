// Runs one test file in one guest: a hang or a panic fails that file and no other.
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boot } from '../guest/boot.mjs';
import { root } from '../lib/paths.mjs';
import { avaArguments, judge } from './host.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** One guest per CPU, two at most: that is what their memory is counted for. */
export function guestCpus() {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const cpus = list.split(',').flatMap(range => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const gibibytes =
    Number(/^MemAvailable:\s*(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 2 ** 20;
  return cpus.slice(0, Math.min(2, availableParallelism(), Math.max(1, Math.floor(gibibytes / 3))));
}

/** A test file says what its guest needs in a comment: `// guest: disks=3 mem=2500M` (disks of 1 GiB, /dev/ubda…). */
function wishes(file) {
  const source = join(root, file.replace(/^build\//, '').replace(/\.js$/, '.ts'));
  const line = existsSync(source) ? /^\/\/ guest: (.*)$/m.exec(readFileSync(source, 'utf8'))?.[1] : undefined;
  return Object.fromEntries(
    (line ?? '')
      .split(/\s+/)
      .filter(Boolean)
      .map(each => each.split('=')),
  );
}

export async function runInGuest({ file, env, cpu, folder, deadlineMs, onStart }) {
  const started = Date.now();
  const share = join(folder, `guest-${cpu}`);
  rmSync(share, { recursive: true, force: true });
  mkdirSync(share);
  const { disks = '0', mem } = wishes(file);
  const images = Array.from({ length: Number(disks) }, (_, index) => join(share, `disk${index}`));
  for (const image of images) {
    writeFileSync(image, '');
    truncateSync(image, 2 ** 30);
  }

  const ava = ['node', ...avaArguments, '--serial', file].map(each => `'${each}'`).join(' ');
  const command = `${ava} >${share}/tap 2>${share}/output; status=$?
node '${join(here, 'leftovers.mjs')}' ${share}/leftovers 2>>${share}/output
exit $status`;
  const guest = boot({ share, command, env, cpu, mem, disks: images, deadlineMs });
  onStart?.(guest);
  const { status, console, late } = await guest.done;

  const text = name => (existsSync(join(share, name)) ? readFileSync(join(share, name), 'utf8') : '');
  const tail = console.trim().split('\n').slice(-40).join('\n');
  const ended = late
    ? `not done within ${deadlineMs / 1000} s`
    : status === 255
      ? 'the guest ended before the tests did'
      : undefined;
  const verdict = judge({
    tap: text('tap'),
    status,
    ended,
    seconds: (Date.now() - started) / 1000,
    output: `${text('output')}${tail ? `\n(console)\n${tail}` : ''}`,
  });
  const leftovers = text('leftovers').split('\n').filter(Boolean);
  rmSync(share, { recursive: true, force: true });
  return { ...verdict, leftovers };
}

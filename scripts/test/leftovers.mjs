// What tests left behind: pools, mounts, loop devices, processes and files of this run. Each is a failure with its
// name, and is then removed so that the next tier does not trip over it.
// Usage in the guest: node leftovers.mjs FILE      writes one line per leftover into FILE
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { destroyPool } from '../lib/zfs-fuse.mjs';

const quiet = path => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const run = (...argv) => spawnSync(argv[0], argv.slice(1), { encoding: 'utf8', timeout: 60_000 });

/** Processes that were started with DM_TEST=<id of this run> in their environment, but for this one. */
function processes(id) {
  return readdirSync('/proc')
    .filter(
      pid =>
        /^\d+$/.test(pid) &&
        Number(pid) !== process.pid &&
        quiet(`/proc/${pid}/environ`).split('\0').includes(`DM_TEST=${id}`),
    )
    .map(pid => ({
      pid: Number(pid),
      what: quiet(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 200),
    }))
    .filter(({ what }) => what); // a zombie has no command line; its parent is to blame, and that one has
}

/** Whoever was told to stop may take a moment; only what stays is a leftover. */
async function stayingProcesses(id, graceMs = 3000) {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const found = processes(id);
    if (found.length === 0 || Date.now() > deadline) return found;
    await pause(50);
  }
}

/** A pool is ours by its name (it carries the run's id) or by a vdev in the run's folder: others' are never touched. */
function pools({ id, folder, all, except }) {
  const listed = run('zpool', 'list', '-H', '-o', 'name');
  const names = (listed.stdout ?? '').split('\n').filter(name => name && name !== except);
  return all
    ? names
    : names.filter(name => name.includes(id) || run('zpool', 'status', name).stdout?.includes(folder));
}

function mounts(folder) {
  const decode = path =>
    path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  const points = quiet('/proc/self/mountinfo')
    .split('\n')
    .filter(Boolean)
    .map(line => decode(line.split(' ')[4]));
  return points.filter(path => path.startsWith(`${folder}/`)).reverse(); // the last mounted first
}

function loops(folder) {
  return readdirSync('/sys/block').filter(name =>
    quiet(`/sys/block/${name}/loop/backing_file`).startsWith(`${folder}/`),
  );
}

/**
 * `keep` names entries of the folder, and `except` the pool, that belong to the runner itself. `all`: every pool
 * counts and no file does (a guest: nobody else is there, and its files end with it).
 */
export async function removeLeftovers({ id, folder, keep = [], except, zfs = true, all = false }) {
  const found = [];
  for (const { pid, what } of await stayingProcesses(id)) {
    found.push(`process ${pid}: ${what}`);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      /* it ended just now */
    }
  }
  if (zfs) {
    for (const name of pools({ id, folder, all, except })) {
      found.push(`pool ${name}`);
      if (!all) await destroyPool(name); // a guest's pools end with it
    }
  }
  for (const path of mounts(folder).filter(each => !keep.some(name => each.startsWith(join(folder, name))))) {
    found.push(`mount ${path}`);
    run('umount', '--lazy', path);
  }
  for (const name of loops(folder)) {
    found.push(`loop device ${name}`);
    run('losetup', '--detach', `/dev/${name}`);
  }
  if (all) return found;
  for (const name of readdirSync(folder).filter(each => !keep.includes(each))) {
    found.push(`file ${join(folder, name)}`);
    run('chattr', '-R', '-f', '-i', join(folder, name)); // a mountpoint that a boot has closed
    rmSync(join(folder, name), { recursive: true, force: true });
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await removeLeftovers({ id: process.env.DM_TEST, folder: tmpdir(), all: true });
  writeFileSync(process.argv[2], found.map(each => `${each}\n`).join(''));
}

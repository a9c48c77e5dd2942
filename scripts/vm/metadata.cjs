// Stands in for LinuxKit's metadata package with its provider `cdrom`: user-data on a CD becomes files below
// /run/config, with that package's modes, its traps, and the raw copy that everybody can read. Runs in the machine.
const { execFileSync } = require('node:child_process');
const { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const CONFIG = '/run/config';
const CD = '/tmp/cd';

function userdata() {
  mkdirSync(CD, { recursive: true });
  for (const name of readdirSync('/dev').filter(each => /^sr\d+$/.test(each))) {
    try {
      execFileSync('mount', ['-t', 'iso9660', '-o', 'ro', `/dev/${name}`, CD]);
    } catch {
      continue; // An empty drive.
    }
    try {
      const file = ['user-data', 'config'].map(each => join(CD, each)).find(existsSync);
      if (file) return readFileSync(file);
    } finally {
      execFileSync('umount', [CD]);
    }
  }
  return undefined;
}

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);

/** One value of a wrong type anywhere, and Go's decoder drops the whole document. */
function isTyped(entries) {
  return (
    isObject(entries) &&
    Object.values(entries).every(
      ({ perm, content, entries: below, ...rest } = 0) =>
        [perm, content].every(each => each === undefined || typeof each === 'string') &&
        (below === undefined || isTyped(below)) &&
        isObject(rest),
    )
  );
}

function write(folder, entries) {
  for (const [name, { perm, content, entries: below }] of Object.entries(entries)) {
    const path = join(folder, name);
    if ((content === undefined) === (below === undefined)) {
      console.log(`${path} is invalid`);
      continue;
    }
    if (below) mkdirSync(path, { recursive: true });
    else writeFileSync(path, content);
    chmodSync(path, Number.parseInt(perm ?? (below ? '0755' : '0644'), 8) & ~0o022);
    if (below) write(path, below);
  }
}

function parsed(raw) {
  try {
    const value = JSON.parse(raw);
    return isTyped(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

mkdirSync(CONFIG, { recursive: true });
const raw = userdata();
if (raw) {
  writeFileSync(join(CONFIG, 'provider'), 'CDROM');
  writeFileSync(join(CONFIG, 'userdata'), raw, { mode: 0o644 });
  const entries = parsed(raw);
  if (entries) write(CONFIG, entries);
  else console.log('the user-data is not what this package reads');
} else console.log('no metadata was found');

// An archive as the kernel unpacks it into its first root filesystem ("newc"). Archives may follow one another.

const MAGIC = '070701';
const FOLDER = 0o040000;
const FILE = 0o100000;

const padded = buffer => Buffer.concat([buffer, Buffer.alloc((4 - (buffer.length % 4)) % 4)]);

function entry(index, name, mode, data) {
  const path = Buffer.from(`${name}\0`);
  const numbers = [index, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, path.length, 0];
  const header = MAGIC + numbers.map(each => each.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), path])), padded(data)]);
}

/**
 * @param files [{ path, data, mode }]: relative paths, Buffers or strings, permissions (0644 when left out). Their
 *   folders are made, mode 0755; all of it belongs to root.
 */
export function cpioArchive(files) {
  const parts = [];
  const made = new Set();
  const add = (...args) => parts.push(entry(parts.length + 1, ...args));
  for (const { path, data, mode = 0o644 } of files) {
    const names = path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/');
      if (!made.has(folder)) add(folder, FOLDER | 0o755, Buffer.alloc(0));
      made.add(folder);
    }
    add(path, FILE | mode, Buffer.from(data));
  }
  parts.push(entry(0, 'TRAILER!!!', 0, Buffer.alloc(0)));
  return Buffer.concat(parts);
}

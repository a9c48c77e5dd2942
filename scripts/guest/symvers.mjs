// Module.symvers for a kernel binary from its own export tables: what modpost asks before it links modules, without
// building the kernel. An entry is a `struct kernel_symbol` of three addresses: value, name, namespace.
import { readFileSync } from 'node:fs';

export function moduleSymvers(kernel) {
  const data = readFileSync(kernel);
  if (data.readUInt32BE(0) !== 0x7f454c46 || data[4] !== 2)
    throw new Error(`${kernel} is no 64-bit ELF file`);
  const number = offset => Number(data.readBigUInt64LE(offset));
  const text = offset => data.toString('latin1', offset, data.indexOf(0, offset));

  const table = number(40);
  const [entrySize, count, namesIndex] = [58, 60, 62].map(offset => data.readUInt16LE(offset));
  const sections = Array.from({ length: count }, (_, index) => {
    const at = table + index * entrySize;
    return {
      name: data.readUInt32LE(at),
      address: number(at + 16),
      offset: number(at + 24),
      size: number(at + 32),
    };
  });
  const section = name => {
    const found = sections.find(each => text(sections[namesIndex].offset + each.name) === name);
    if (!found) throw new Error(`${kernel} has no section ${name}`);
    return found;
  };
  const textAt = address => {
    const holds = ({ address: start, size }) => start !== 0 && start <= address && address < start + size;
    const { offset, address: start } = sections.find(holds);
    return text(offset + address - start);
  };

  const lines = [];
  for (const [name, kind] of [
    ['__ksymtab', 'EXPORT_SYMBOL'],
    ['__ksymtab_gpl', 'EXPORT_SYMBOL_GPL'],
  ]) {
    const { offset, size } = section(name);
    for (let at = offset; at < offset + size; at += 24) {
      const space = number(at + 16);
      lines.push(`0x00000000\t${textAt(number(at + 8))}\tvmlinux\t${kind}\t${space ? textAt(space) : ''}\n`);
    }
  }
  return lines.join('');
}

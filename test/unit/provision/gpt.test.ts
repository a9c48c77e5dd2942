// Partition tables as sfdisk writes them, whole and damaged.
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Edges, readEdges } from '../../../src/provision/edges.ts';
import { isTableWhole } from '../../../src/provision/gpt.ts';
import { parseTable, SFDISK_SCRIPT, sfdiskScript } from '../../../src/provision/partition-table.ts';
import { ourEntry } from '../../../src/provision/torn-table.ts';
import { run } from '../../../src/system/run.ts';

const MIB = 2 ** 20;
const folder = await mkdtemp(join(tmpdir(), 'gpt-'));
test.after.always(() => rm(folder, { recursive: true }));

async function tableOf(name: string, script: string, sizeMiB = 300): Promise<{ path: string; edges: Edges }> {
  const path = join(folder, name);
  await writeFile(path, '');
  await truncate(path, sizeMiB * MIB);
  await run(['sfdisk', '--quiet', path], { input: script });
  return { path, edges: await readEdges(path, sizeMiB * MIB) };
}

test('a table is whole with both copies sound and in place, and not with a byte changed in either', async t => {
  const { edges } = await tableOf('whole', SFDISK_SCRIPT);
  t.true(isTableWhole(edges));
  const { length } = edges.last;
  // A header, the entries, the header at the end, the entries there; the rest of the disk is not the table.
  const places: [keyof Pick<Edges, 'first' | 'last'>, number, boolean][] = [
    ['first', 512 + 60, false],
    ['first', 1024 + 40, false],
    ['last', length - 512 + 60, false],
    ['last', length - 512 - 16384 + 40, false],
    ['first', 2 * MIB, true],
  ];
  for (const [part, at, whole] of places) {
    const changed = { ...edges, [part]: Buffer.from(edges[part]) };
    changed[part].writeUInt8(changed[part].readUInt8(at) ^ 1, at);
    t.is(isTableWhole(changed), whole, `${part} ${at}`);
  }
  t.false(isTableWhole({ ...edges, first: Buffer.alloc(length) }));
});

test('on a disk that has grown the table is not whole: its second copy is not at the end', async t => {
  const { path } = await tableOf('grown', SFDISK_SCRIPT);
  await truncate(path, 600 * MIB);
  t.false(isTableWhole(await readEdges(path, 600 * MIB)));
});

test('our entry is read from either copy as sfdisk prints it, and a table made from it is the same', async t => {
  const { path, edges } = await tableOf('entry', SFDISK_SCRIPT);
  const { stdout } = await run(['sfdisk', '--json', path]);
  const [printed] = parseTable(stdout).partitions ?? [];
  const entry = ourEntry(edges);
  if (!printed || !entry) return t.fail();
  t.is(entry.startBytes, printed.start * 512);
  t.is(entry.sizeBytes, printed.size * 512);
  t.true(stdout.toLowerCase().includes(entry.uuid), stdout);
  t.deepEqual(ourEntry({ ...edges, first: Buffer.alloc(edges.first.length) }), entry);
  const place = { start: printed.start, size: printed.size, uuid: entry.uuid };
  t.deepEqual(ourEntry((await tableOf('again', sfdiskScript(place))).edges), entry);
  t.is(ourEntry((await tableOf('other', 'label: gpt\nname=other\n')).edges), undefined);
});

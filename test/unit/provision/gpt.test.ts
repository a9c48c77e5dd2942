// Partition tables as sfdisk writes them, whole and damaged.
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { GPT_WORDS } from '../../../src/provision/device-content.ts';
import { type Edges, readEdges } from '../../../src/provision/edges.ts';
import { isTableWhole } from '../../../src/provision/gpt.ts';
import { lostPartition } from '../../../src/provision/lost-partition.ts';
import { readTable } from '../../../src/provision/partition.ts';
import {
  parseTable,
  poolPartition,
  SFDISK_SCRIPT,
  sfdiskScript,
} from '../../../src/provision/partition-table.ts';
import { ourEntry } from '../../../src/provision/torn-table.ts';
import { run } from '../../../src/system/run.ts';
import { poke } from '../../helpers/disks.ts';

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

test('wherever the writing of an enlarged table is cut off, our partition is found again', async t => {
  const [old, large] = [300 * MIB, 600 * MIB];
  const { path } = await tableOf('cut', SFDISK_SCRIPT);
  // The pool: an uberblock of transaction group 4 in the first label.
  const uberblock = Buffer.alloc(24);
  uberblock.writeBigUInt64LE(0x00bab10cn);
  uberblock.writeBigUInt64LE(4n, 16);
  await poke(path, uberblock, MIB + 128 * 1024);
  await truncate(path, large);
  const before = await readEdges(path, large);
  await run(['sfdisk', '--quiet', '--wipe', 'never', '--partno', '1', path], { input: 'size=598MiB\n' });
  const after = await readEdges(path, large);
  const end = after.last.length;
  const writes: [keyof Pick<Edges, 'first' | 'last'>, number, number][] = [
    ['last', end - 33 * 512, end - 512],
    ['last', end - 512, end],
    ['first', 1024, 1024 + 32 * 512],
    ['first', 512, 1024],
    ['first', 0, 512],
  ];
  const content = { found: [GPT_WORDS], labels: [] };
  const ways = { table: 0, pool: 0 };
  for (let done = 0; done < 2 ** writes.length; done++) {
    const cut = { sizeBytes: large, first: Buffer.from(before.first), last: Buffer.from(before.last) };
    writes.forEach(([part, from, to], bit) => {
      if (done & (1 << bit)) after[part].copy(cut[part], from, from, to);
    });
    await poke(path, cut.first, 0);
    await poke(path, cut.last, large - end);
    const table = await readTable(path);
    const lost = lostPartition(table, content, cut);
    if (table && poolPartition(table)?.ours) ways.table++;
    else ways.pool++;
    t.is(lost === undefined, table?.label === 'gpt', `${done}`);
    const [entry] = table?.label === 'gpt' ? (table.partitions ?? []) : [];
    t.is(entry ? entry.start * 512 : lost?.startBytes, MIB, `${done}`);
    t.true(
      [old - 2 * MIB, large - 2 * MIB].includes(entry ? entry.size * 512 : (lost?.sizeBytes ?? 0)),
      `${done}`,
    );
  }
  t.true(ways.table > 0 && ways.pool > 0, JSON.stringify(ways));
});

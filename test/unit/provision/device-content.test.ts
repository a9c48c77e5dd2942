import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { judgeContent, parseWipefs } from '../../../src/provision/device-content.ts';
import {
  EDGE_BYTES,
  type Edges,
  newestTxg,
  readEdges,
  uberblockDigest,
} from '../../../src/provision/edges.ts';
import { SFDISK_SCRIPT } from '../../../src/provision/partition-table.ts';
import { run } from '../../../src/system/run.ts';
import type { Label } from '../../../src/zfs/index.ts';

const SIZE = 300 * 2 ** 20 + 4096;
const blank = (): Edges => ({
  sizeBytes: SIZE,
  first: Buffer.alloc(EDGE_BYTES),
  last: Buffer.alloc(EDGE_BYTES),
});
const KIB = 1024;
const label: Label = {
  poolName: 'tank',
  poolGuid: '1',
  guid: '2',
  topGuid: '2',
  txg: '4',
  state: 0,
  hostId: undefined,
  hostName: undefined,
  comment: undefined,
  vdevChildren: 1,
  paths: [],
};

/** An uberblock in a slot of the ring of the label that begins at `at`. */
function putUberblock(part: Buffer, at: number, slot: number, txg: bigint, big = false): void {
  const place = at + 128 * KIB + slot * KIB;
  if (big) {
    part.writeBigUInt64BE(0x00bab10cn, place);
    part.writeBigUInt64BE(txg, place + 16);
  } else {
    part.writeBigUInt64LE(0x00bab10cn, place);
    part.writeBigUInt64LE(txg, place + 16);
  }
}

/** Where the last label begins in the last edge: ZFS aligns the size down to 256 KiB. */
const LAST_LABEL = EDGE_BYTES - (SIZE % (256 * KIB)) - 256 * KIB;

test('signatures, labels and unknown data are told in words, each once', t => {
  const printed = `{"signatures": [{"type":"gpt","label":null,"usage":"partition-table"},
    {"type":"PMBR","label":null,"usage":"partition-table"},{"type":"ext4","label":"root","usage":"filesystem"},
    {"type":"LVM2_member","label":null,"usage":"raid"},{"type":"zfs_member","label":"tank","usage":"filesystem"}]}`;
  const edges = blank();
  putUberblock(edges.first, 0, 3, 7n);
  t.deepEqual(judgeContent(parseWipefs(printed), [label, label], edges).found, [
    'the ZFS pool "tank" (1)',
    'a GPT partition table',
    'a filesystem (ext4, "root")',
    'an LVM physical volume',
  ]);
  edges.last.writeUInt8(1, EDGE_BYTES - 1);
  t.deepEqual(judgeContent([], [], edges).found, ['data of an unknown kind']);
  t.deepEqual(judgeContent(parseWipefs(''), [], blank()).found, []);
  t.deepEqual(judgeContent([], [{ ...label, state: 2 }], edges).labels.length, 1);
});

test('a pool that never had a transaction group is unborn; one uberblock anywhere and it lives', t => {
  const cut = blank();
  cut.first.write('label', 16 * KIB);
  putUberblock(cut.first, 0, 0, 0n);
  t.is(judgeContent([], [label], cut).unborn, 'tank');

  const places: [keyof Pick<Edges, 'first' | 'last'>, number][] = [
    ['first', 0],
    ['first', 256 * KIB],
    ['last', LAST_LABEL - 256 * KIB],
    ['last', LAST_LABEL],
  ];
  for (const [part, at] of places) {
    for (const big of [false, true]) {
      const edges = blank();
      putUberblock(edges[part], at, 127, 4n, big);
      t.is(newestTxg(edges), 4n);
      t.is(judgeContent([], [label], edges).unborn, undefined);
    }
  }
});

test('an unborn pool beside anything else is not blank', t => {
  const other = [{ type: 'ext4', label: null, usage: 'filesystem' }];
  t.is(judgeContent(other, [label], blank()).unborn, undefined);
  t.is(judgeContent([], [label, { ...label, poolName: 'x' }], blank()).unborn, undefined);
  t.is(judgeContent([], [{ ...label, state: 3 }], blank()).unborn, undefined);
});

test('a write to any ring changes the digest, a write beside them does not', t => {
  const edges = blank();
  const before = uberblockDigest(edges);
  edges.first.writeUInt8(1, 100 * KIB);
  t.is(uberblockDigest(edges), before);
  putUberblock(edges.last, LAST_LABEL, 5, 99n);
  t.not(uberblockDigest(edges), before);
});

test('a table of ours, cut off at any point of its writing, is no data; with anything beside it, it is', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'table-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'disk');
  const size = 300 * 2 ** 20;
  await writeFile(path, '');
  await truncate(path, size);
  await run(['sfdisk', '--quiet', path], { input: SFDISK_SCRIPT });
  const whole = await readEdges(path, size);
  const pieces: [keyof Pick<Edges, 'first' | 'last'>, number, number][] = [
    ['first', 0, 512],
    ['first', 512, 1024],
    ['first', 1024, 1024 + 16384],
    ['last', EDGE_BYTES - 512, EDGE_BYTES],
  ];
  const gpt = [{ type: 'gpt', label: null, usage: 'partition-table' }];
  for (let written = 0; written < 2 ** pieces.length; written++) {
    const torn = { ...whole, first: Buffer.from(whole.first), last: Buffer.from(whole.last) };
    pieces.forEach(([part, from, to], bit) => {
      if (!(written & (1 << bit))) torn[part].fill(0, from, to);
    });
    t.is(judgeContent(gpt, [], torn).unborn, '*');
    torn.first.writeUInt8(1, 100 * KIB);
    t.is(judgeContent(gpt, [], torn).unborn, undefined);
  }
  await run(['sfdisk', '--quiet', path], { input: 'label: gpt\nname=other\n' });
  t.is(judgeContent(gpt, [], await readEdges(path, size)).unborn, undefined);
});

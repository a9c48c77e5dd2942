import test from 'ava';
import { parseTable, poolPartition, ZFS_TYPE } from '../../../src/provision/partition-table.ts';

const RESERVED = '6A945A3B-1DD2-11B2-99A6-080020736631';
const LINUX = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';
const part = (type: string, name?: string) => ({
  node: '/dev/sda1',
  start: 2048,
  size: 9000,
  type,
  ...(name ? { name } : {}),
});
const gpt = (...partitions: ReturnType<typeof part>[]) => ({ label: 'gpt', partitions });

test('the table that we write, as sfdisk 2.38 prints it, is ours', t => {
  const table = parseTable(`{"partitiontable": {"label":"gpt","id":"CFAEAE48-5811-614C-AB22-C57F300C3B3B",
    "device":"/dev/sda","unit":"sectors","firstlba":2048,"lastlba":614366,"sectorsize":512,"partitions": [
    {"node":"/dev/sda1","start":2048,"size":610304,"type":"${ZFS_TYPE}","uuid":"75323B0A","name":"dotmesh"}]}}`);
  t.deepEqual(poolPartition(table), { name: 'sda1', ours: true });
});

test('the table of a disk that OpenZFS partitioned leads to its data, and is not ours', t => {
  t.deepEqual(poolPartition(gpt(part(ZFS_TYPE, 'zfs-1234'), part(RESERVED))), { name: 'sda1', ours: false });
});

test('any other table leads nowhere', t => {
  t.is(poolPartition({ label: 'gpt' }), undefined);
  t.is(poolPartition({ ...gpt(part(ZFS_TYPE, 'dotmesh')), label: 'dos' }), undefined);
  t.is(poolPartition(gpt(part(ZFS_TYPE, 'dotmesh'), part(LINUX))), undefined);
  t.is(poolPartition(gpt(part(ZFS_TYPE, 'dotmesh'), part(ZFS_TYPE, 'dotmesh'))), undefined);
});

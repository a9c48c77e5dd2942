import test from 'ava';
import { judgeImported } from '../../../src/provision/pool-kept.ts';
import type { Pool } from '../../../src/zfs/index.ts';

const pool: Pool = { name: 'tank', guid: '1', health: 'ONLINE', sizeBytes: 1, freeBytes: 1, readonly: false };
const sda1 = { path: '/dev/sda1', identity: 'block:8:1' };
const sdb = { path: '/dev/sdb', identity: 'block:8:16' };
const named = (path: string, ...identities: string[]) => ({ named: path, path, identities });

test('the same devices, by another name or as the disk of the partition, are kept', t => {
  const wanted = [named('/dev/sda', 'block:8:0', 'block:8:1'), named('/dev/disk/by-id/x', 'block:8:16')];
  t.is(judgeImported(pool, [sda1, sdb], wanted), undefined);
});

test('a file that has vanished under a live pool is still the one that was named', t => {
  const gone = { path: '/var/pool.img', identity: undefined };
  t.is(judgeImported(pool, [gone], [named('/var/pool.img', 'new:/var/pool.img')]), undefined);
});

test('other devices, more and fewer are refused, each with its own advice', t => {
  const hints = [[named('/dev/c', 'block:8:32')], [named('/dev/sda1', 'block:8:1')]].map(
    wanted => judgeImported(pool, [sda1, sdb], wanted)?.hint,
  );
  const more = judgeImported(pool, [sdb], [named('/dev/sdb', 'block:8:16'), named('/dev/c', 'block:8:32')]);
  t.is(more?.code, 'POOL_OTHER_DEVICES');
  t.regex(hints[0] ?? '', /--pool-name/);
  t.regex(hints[1] ?? '', /\/dev\/sdb in --storage-device/);
  t.regex(more?.hint ?? '', /zpool add/);
});

test('a pool that does not work, or only for reading, is refused', t => {
  t.is(judgeImported({ ...pool, health: 'SUSPENDED' }, [], [])?.code, 'POOL_UNUSABLE');
  t.is(judgeImported({ ...pool, readonly: true }, [], [])?.code, 'POOL_READ_ONLY');
  t.is(judgeImported({ ...pool, health: 'DEGRADED' }, [], []), undefined);
});

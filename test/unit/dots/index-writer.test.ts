import test from 'ava';
import { IndexWriter } from '../../../src/dots/index-writer.ts';
import type { KeyValue } from '../../../src/etcd/index.ts';
import { createMemoryEtcd } from '../../../src/etcd/memory.ts';
import { createLog } from '../../../src/lib/log.ts';
import { until } from '../../../src/lib/retry.ts';

const dot = (id: string): KeyValue => ({
  key: `dotmesh.io/registry/filesystems/admin/${id}`,
  value: JSON.stringify({ Id: id }),
});

function writer(desired: KeyValue[]) {
  const etcd = createMemoryEtcd();
  const lines: string[] = [];
  const log = createLog({
    name: 't',
    level: 'info',
    format: 'text',
    destination: { write: l => void lines.push(l) },
  });
  const index = new IndexWriter({ etcd, nodeId: 'n', desired: () => desired, log, firstPauseMs: 5 });
  return { etcd, index, lines };
}

test('while etcd is down changes are not lost: when it is back the index is what it should be', async t => {
  const desired = [dot('a')];
  const { etcd, index, lines } = writer(desired);
  await index.write([{ put: dot('a') }, { put: dot('old') }]);
  etcd.down = true;
  for (const id of ['b', 'c', 'd']) {
    desired.push(dot(id));
    await index.write([{ put: dot(id) }]);
  }
  t.true(index.behind);
  t.is(lines.filter(line => line.includes('is behind')).length, 1);
  etcd.down = false;
  t.true(await until(() => !index.behind, { deadlineMs: 60_000 }));
  t.deepEqual(await etcd.list(''), desired);
  await index.close(1000);
});

test('after close nothing is tried any more', async t => {
  const { etcd, index } = writer([dot('a')]);
  etcd.down = true;
  await index.write([{ put: dot('a') }]);
  await index.close(1000);
  etcd.down = false;
  await index.sync();
  t.deepEqual(await etcd.list(''), []);
});

test('closing makes a last try, so that a short absence of etcd leaves nothing behind', async t => {
  const { etcd, index } = writer([dot('a')]);
  etcd.down = true;
  index.fallBehind(new Error('down'));
  etcd.down = false;
  await index.close(60_000);
  t.deepEqual(await etcd.list(''), [dot('a')]);
});

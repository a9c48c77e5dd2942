import test from 'ava';
import { memoryZfs } from '../../src/zfs/memory.ts';
import { zfsContract } from './zfs.ts';

const zfs = memoryZfs(['pool']);

zfsContract(test, () => ({
  zfs,
  root: 'pool',
  mountpoint: name => `/mnt/${name}`,
  write: async (name, bytes) => zfs.write(name, bytes),
}));

test('in memory as on disk, what is busy or cloned is kept', async t => {
  const other = memoryZfs(['p']);
  await other.create('p/a', {});
  await other.mount('p/a');
  other.setBusy('p/a', true);
  await t.throwsAsync(other.unmount('p/a'), { code: 'DATASET_BUSY' });
  await t.throwsAsync(other.destroy('p/a'), { code: 'DATASET_BUSY' });
  other.setBusy('p/a', false);
  await other.snapshot('p/a', 's');
  await other.clone('p/a@s', 'p/b', {});
  t.is((await other.filesystems('p/b'))[0]?.origin, 'p/a@s');
  await t.throwsAsync(other.destroy('p/a'), { code: 'DATASET_HAS_DEPENDENTS' });
});

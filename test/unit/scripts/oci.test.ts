import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { bundles } from '../../../scripts/vm/bundles.mjs';
import { type OciConfig, ociConfig } from '../../../scripts/vm/oci.mjs';

const label = parse(readFileSync('build.yml', 'utf8')).config;
const image = {
  Env: ['PATH=/usr/bin'],
  Cmd: ['/usr/bin/dm-linuxkit'],
  Labels: { 'org.mobyproject.config': JSON.stringify(label) },
};
const entry = { name: 'dotmesh', image: '@pkg:..' };
const mountAt = ({ mounts }: OciConfig, path: string) =>
  mounts.find(({ destination }) => destination === path);

test('an entry that says nothing gets what the label of the image says', t => {
  const config = ociConfig(entry, image);
  t.deepEqual(config.process.args, ['/usr/bin/dm-linuxkit']);
  t.deepEqual(config.process.capabilities['effective'], label.capabilities);
  t.deepEqual(
    config.linux.namespaces,
    [{ type: 'mount' }, { type: 'cgroup' }],
    'pid: host, and the network of the machine',
  );
  t.is(config.linux.rootfsPropagation, 'shared');
  t.deepEqual(config.linux.resources.devices, [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'a', access: 'rwm' },
  ]);
  t.deepEqual(mountAt(config, '/dev')?.options, ['rw', 'rbind', 'rshared']);
  t.deepEqual(mountAt(config, '/var')?.options, ['rshared', 'rbind', 'rbind']);
});

test('a list of the entry replaces the one of the label, and ".add" adds to it', t => {
  const replaced = ociConfig({ ...entry, binds: ['/srv:/srv:ro'], capabilities: ['none'] }, image);
  t.is(mountAt(replaced, '/run'), undefined);
  t.deepEqual(mountAt(replaced, '/srv')?.options, ['ro', 'rbind']);
  t.is(mountAt(replaced, '/dev')?.type, 'tmpfs', 'the container has a /dev of its own then');
  t.deepEqual(replaced.process.capabilities['bounding'], []);
  const added = ociConfig({ ...entry, 'binds.add': ['/srv:/srv'], 'capabilities.add': ['CAP_KILL'] }, image);
  t.truthy(mountAt(added, '/run'));
  t.truthy(mountAt(added, '/srv'));
  t.deepEqual(added.process.capabilities['bounding'], [...label.capabilities, 'CAP_KILL']);
});

test('an application gets what its entry says and nothing of our label', t => {
  const { services } = parse(readFileSync('linuxkit-examples/postgres.yml', 'utf8'));
  const files = bundles({ services }, image);
  const config = JSON.parse(
    files.find(({ path }) => path === 'services/postgres/config.json')?.data ?? '',
  ) as OciConfig;
  t.deepEqual(config.process.user, { uid: 999, gid: 999 });
  t.deepEqual(config.process.capabilities['bounding'], []);
  t.deepEqual(config.linux.namespaces, [{ type: 'pid' }, { type: 'mount' }, { type: 'cgroup' }]);
  t.deepEqual(mountAt(config, '/var/lib/postgresql/data')?.options, ['rw', 'rslave', 'rbind']);
  t.deepEqual(mountAt(config, '/dev/shm')?.options, ['mode=1777', 'size=64m']);
  t.is(config.linux.rootfsPropagation, undefined);
});

test('/dev is mounted before what lies in it', t => {
  const order = ociConfig(entry, { ...image, Labels: {} }).mounts.map(({ destination }) => destination);
  t.deepEqual(order, ['/dev', '/dev/pts', '/proc', '/sys', '/sys/fs/cgroup']);
});

test('a key that the machine would not heed is refused', t => {
  t.throws(() => ociConfig({ ...entry, ipc: 'new' }, image), { message: /dotmesh.*"ipc"/ });
});

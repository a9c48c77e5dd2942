import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLog } from '../../../src/lib/log.ts';
import { etcdArguments, etcdEnvironment, parseEtcdVersion } from '../../../src/provision/etcd-arguments.ts';
import { prepareEtcdData, setAside } from '../../../src/provision/etcd-data.ts';

const log = createLog({ name: 'test', level: 'silent', format: 'text' });

test('etcd 3.4 and newer is taken, anything else refused with what is needed', t => {
  t.deepEqual(parseEtcdVersion('etcd Version: 3.4.23\nGit SHA: x\n'), { series: '3.4', full: '3.4.23' });
  t.deepEqual(parseEtcdVersion('etcd Version: 3.6.0-rc.1\n'), { series: '3.6', full: '3.6.0-rc.1' });
  for (const text of ['etcd Version: 3.3.25\n', 'etcd Version: 4.0.0\n', 'command not found'])
    t.throws(() => parseEtcdVersion(text), { code: 'ETCD_UNSUPPORTED' });
});

test('no address of etcd is a TCP port', t => {
  for (const series of ['3.4', '3.5', '3.6']) {
    const argv = etcdArguments({ series, full: series }, '/state/etcd');
    for (const argument of argv.filter(each => each.includes('://'))) t.regex(argument, /=unix:\/\//);
    t.is(argv.filter(each => each.includes('-urls=')).length, 4);
  }
});

test('what the environment says to etcd does not join what we say', t => {
  const environment = { ETCD_NAME: 'x', ETCDCTL_API: '3', PATH: '/bin' };
  t.deepEqual(etcdEnvironment(environment, 'x64'), { ETCD_NAME: undefined });
});

test('where etcd knows itself as not supported it is told that this is known, in its own words', t => {
  for (const [node, go] of [
    ['arm64', 'arm64'],
    ['arm', 'arm'],
    ['ia32', '386'],
    ['riscv64', 'riscv64'],
  ] as const)
    t.deepEqual(etcdEnvironment({ ETCD_UNSUPPORTED_ARCH: 'other' }, node), { ETCD_UNSUPPORTED_ARCH: go });
  for (const node of ['x64', 'ppc64', 's390x'])
    t.is(etcdEnvironment({ ETCD_UNSUPPORTED_ARCH: 'x' }, node)['ETCD_UNSUPPORTED_ARCH'], undefined);
});

test('data of another version, or without a note, is set aside; of the same it is used', async t => {
  const state = await mkdtemp(join(tmpdir(), 'etcd-'));
  const names = async () => (await readdir(state)).sort().map(name => name.replace(/aside-.*/, 'aside'));
  try {
    t.true((await prepareEtcdData(state, '3.4', log)).fresh);
    await mkdir(join(state, 'etcd'));
    t.false((await prepareEtcdData(state, '3.4', log)).fresh);
    t.true((await prepareEtcdData(state, '3.5', log)).fresh);
    t.deepEqual(await names(), ['etcd-version', 'etcd.set-aside']);
    await mkdir(join(state, 'etcd'));
    await rm(join(state, 'etcd-version'));
    t.true((await prepareEtcdData(state, '3.5', log)).fresh);
    t.deepEqual(await names(), ['etcd-version', 'etcd.set-aside']);
  } finally {
    await rm(state, { recursive: true });
  }
});

test('of what is set aside the newest is kept', async t => {
  const state = await mkdtemp(join(tmpdir(), 'etcd-'));
  try {
    for (const text of ['first', 'second']) {
      await mkdir(join(state, 'etcd'));
      await writeFile(join(state, 'etcd', text), '');
      await setAside(state, 'of a test', log);
    }
    const [name = '', ...more] = await readdir(state);
    t.deepEqual(more, []);
    t.deepEqual(await readdir(join(state, name)), ['second']);
  } finally {
    await rm(state, { recursive: true });
  }
});
